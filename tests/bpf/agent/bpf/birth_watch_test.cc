// The birth watch on real interpreters: one site keeps what it makes, another
// makes and drops many more of the same type and size.
#include "agent/bpf/birth_watch.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/bpf/agent/bpf/birth_fixture.h"

namespace plimsoll::testing {
namespace {

TEST_F(BirthWatchTest, OnEveryBuild) {
  std::vector<std::pair<std::string, Arguments>> what;
  std::vector<std::string> pythons = StrippedPythons();
  for (const std::string& python : PlainPythons(7, 15)) {
    pythons.push_back(python);
  }
  for (const std::string& python : pythons) {
    what.push_back({python, {"slotted", "1", "100", "500", "0"}});
    what.push_back({python, {"plain", "1", "100", "500", "0"}});
  }
  ASSERT_FALSE(what.empty()) << "no interpreter";
  RunAll(what, 4, 5);
}

class BirthKindsTest : public BirthWatchTest,
                       public ::testing::WithParamInterface<std::string> {};

TEST_P(BirthKindsTest, EveryKind) {
  std::vector<std::pair<std::string, Arguments>> what;
  for (const char* kind : {"str", "tuple", "list", "dict", "float", "bytes",
                           "set", "int", "method"}) {
    what.push_back({GetParam(), {kind, "1", "100", "500", "0"}});
  }
  RunAll(what, 4, 5);
}

std::vector<std::string> KindsPythons() {
  std::vector<std::string> pythons = StrippedPythons();
  for (const int minor : {8, 13, 14, 15}) {
    for (const std::string& python : PlainPythons(minor, minor)) {
      pythons.push_back(python);
    }
  }
  return pythons;
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BirthKindsTest);
INSTANTIATE_TEST_SUITE_P(Pythons, BirthKindsTest,
                         ::testing::ValuesIn(KindsPythons()), TestName);

TEST_F(BirthWatchTest, ThreadsThatStartLater) {
  for (const std::string& python : StrippedPythons()) {
    if (python == kUwsgi) continue;  // its workers start no threads of ours
    RunAll({{python, {"slotted", "0", "0", "0", "0"}}}, 3, 4);
  }
}

constexpr char kForkScript[] = R"(
import os, sys
class Mark: pass
mark = Mark()
keep = []
print('type', id(Mark)); print('mark', id(mark)); print('done', flush=True)
while True:
    words = sys.stdin.readline().split()
    if words[0] == 'child':
        pid = os.fork()
        if pid == 0:
            mark.__class__ = type('Other', (), {}); os._exit(0)
        os.waitpid(pid, 0)
    elif words[0] == 'write':
        mark.__class__ = type('Other', (), {})
    print('done', flush=True)
)";

// mark.__class__ = ... writes ob_type: one hit at the object's own address.
TEST_F(BirthWatchTest, AForkedChildIsNotWatched) {
  for (const std::string& python : StrippedPythons()) {
    BpfTarget target(python, kForkScript);
    auto watch = probe_->Watch(target.process());
    ASSERT_TRUE(watch.ok()) << watch.status();
    ASSERT_EQ((*watch)->Slots(false).value_or(0), bpf::kBirthSlots);
    const uint64_t word = target.Number("mark") + 8;
    ASSERT_TRUE((*watch)->Arm(0, {.address = word}).ok());
    target.Command("child");
    EXPECT_EQ((*watch)->Read(0).hits, 0U);
    target.Command("write");
    EXPECT_EQ((*watch)->Read(0).hits, 1U);
    EXPECT_TRUE((*watch)->Read(0).has_stack);
    const auto stack = (*watch)->ReadStack(0);
    ASSERT_TRUE(stack.ok()) << stack.status();
    // The script, and what runs it in a worker.
    EXPECT_EQ(stack->python.frames.size(), python == kUwsgi ? 2U : 1U);
    // Moved away: the word may be written, nothing is counted.
    const uint64_t elsewhere = target.Number("type") + 8;
    ASSERT_TRUE((*watch)->Arm(0, {.address = elsewhere}).ok());
    target.Command("write");
    EXPECT_EQ((*watch)->Read(0).hits, 0U);
    (*watch)->Disarm(0);
    EXPECT_EQ((*watch)->Read(0).hits, 0U);
  }
}

// In a blink the last writer's write goes by, and is not in the watchpoint's
// own count either; behind it all is as before.
TEST_F(BirthWatchTest, ABlinkLetsTheLastWriterGoOnUnwatched) {
  for (const std::string& python : StrippedPythons()) {
    BpfTarget target(python, kForkScript);
    auto watch = probe_->Watch(target.process());
    ASSERT_TRUE(watch.ok()) << watch.status();
    ASSERT_EQ((*watch)->Slots(false).value_or(0), bpf::kBirthSlots);
    const uint64_t word = target.Number("mark") + 8;
    ASSERT_TRUE((*watch)->Arm(0, {.address = word}).ok());
    EXPECT_FALSE((*watch)->Blink(0, 1'000).value_or(true)) << "nobody wrote";
    target.Command("write");
    ASSERT_EQ((*watch)->Read(0).births, 1U);
    std::thread blink([&watch] {
      EXPECT_TRUE((*watch)->Blink(0, 400'000'000).value_or(false));
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    target.Command("write");
    blink.join();
    EXPECT_EQ((*watch)->Read(0).births, 1U);
    target.Command("write");
    EXPECT_EQ((*watch)->Read(0).hits, 2U);
    EXPECT_EQ((*watch)->Read(0).births, 2U);
    const auto stack = (*watch)->ReadStack(0);
    EXPECT_TRUE(stack.ok()) << stack.status();
  }
}

// Two slots on one word share a row, which then has two hits for each write
// that a watchpoint counts.
TEST_F(BirthWatchTest, AWriteThatWasNotSeenGivesNoStack) {
  for (const std::string& python : StrippedPythons()) {
    BpfTarget target(python, kForkScript);
    auto watch = probe_->Watch(target.process());
    ASSERT_TRUE(watch.ok()) << watch.status();
    ASSERT_EQ((*watch)->Slots(false).value_or(0), 2);
    const uint64_t word = target.Number("mark") + 8;
    for (const int slot : {0, 1}) {
      ASSERT_TRUE((*watch)->Arm(slot, {.address = word}).ok());
    }
    EXPECT_TRUE((*watch)->ReadStack(0).ok());
    target.Command("write");
    EXPECT_EQ((*watch)->Read(0).hits, 2U);
    const auto stack = (*watch)->ReadStack(0);
    EXPECT_TRUE(absl::IsDataLoss(stack.status())) << stack.status();
    ASSERT_TRUE((*watch)->Arm(0, {.address = word}).ok());
    (*watch)->Disarm(1);
  }
}

TEST_F(BirthWatchTest, TakenDebugRegistersAreANamedRefusal) {
  for (const std::string& python : StrippedPythons()) {
    BpfTarget target(python, kForkScript);
    auto other = bpf::BirthProbe::Create(bpf::KernelSupport::Detect());
    ASSERT_TRUE(other.ok());
    auto three = other->Watch(target.process());
    ASSERT_TRUE(three.ok()) << three.status();
    ASSERT_EQ((*three)->Slots(true).value_or(0), 1) << "of three words";
    {
      auto last = probe_->Watch(target.process());
      ASSERT_TRUE(last.ok()) << last.status();
      EXPECT_EQ((*last)->Slots(false).value_or(0), 1);
      const auto chunks = (*last)->Slots(true);
      EXPECT_TRUE(absl::IsFailedPrecondition(chunks.status()));
      EXPECT_NE(chunks.status().message().find("1 is free"), std::string::npos)
          << chunks.status();
      auto third = bpf::BirthProbe::Create(bpf::KernelSupport::Detect());
      // Its own registers are free: what is taken is the target's.
      ASSERT_TRUE(third.ok()) << third.status();
      const auto none = third->Watch(target.process());
      EXPECT_TRUE(absl::IsFailedPrecondition(none.status())) << none.status();
      EXPECT_NE(none.status().message().find("debug register"),
                std::string::npos);
    }
    auto again = probe_->Watch(target.process());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->Slots(false).value_or(0), 1) << "given back at the end";
  }
}

TEST_F(BirthWatchTest, ATargetThatEndsEndsTheWatch) {
  for (const std::string& python : StrippedPythons()) {
    BpfTarget target(python, kBirthScript, {"slotted", "1", "10", "500", "0"});
    BirthWatcher watcher(*probe_, target.process(), target.Number("type"),
                         {.duration_ns = 1'000'000'000});
    watcher.Start();
    ASSERT_TRUE(watcher.Tick());
    target.target().Kill();
    while (watcher.Tick()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const BirthRun run = watcher.Finish();
    EXPECT_EQ(run.total(), 0) << run.Text();
    const auto gone = probe_->Watch(target.process());
    EXPECT_FALSE(gone.ok());
  }
}

}  // namespace
}  // namespace plimsoll::testing
