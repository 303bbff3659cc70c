// The agent's probes behind their port, on a live Python: what happens past a
// budget, and that windows leave the loop alone.
#include "agent/bpf_probes.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "agent/bpf/hit_cost.h"
#include "agent/event_loop.h"
#include "agent/inspector/blocking_inspector.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/fake_agent_world.h"

namespace plimsoll::agent {
namespace {

using testing::BpfTarget;
using testing::FakeTime;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::StrippedPythons;

constexpr int64_t kSecond = 1'000'000'000;
constexpr char kScript[] = R"(
import sys, ctypes, gc, mmap, os, time
gc.disable()
def collect(n):
    for i in range(n): gc.collect()
libc = ctypes.CDLL(None)
def take(n):  # room for pages, none of them huge
    memory = mmap.mmap(-1, n * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(n * 4096), 15)
    return memory
PAGES, kept = 2000, []
def touch(memory, n):
    for i in range(n): memory[i * 4096] = 1
shared = take(PAGES)
touch(shared, PAGES)
def fork(seconds):  # a worker, which shares all pages
    if os.fork() == 0:
        time.sleep(seconds)
        os._exit(0)
def again(n): touch(shared, PAGES)
def grow(n):
    kept.append(take(n))
    touch(kept[-1], n)
jobs = dict(collect=collect, fork=fork, again=again, grow=grow)
sys.stdout.write('done\n'); sys.stdout.flush()
while True:
    words = sys.stdin.readline().split()
    for i in range(0, len(words), 2): jobs[words[i]](int(words[i + 1]))
    sys.stdout.write('done\n'); sys.stdout.flush()
)";

// The inspector's child, asked at once.
class Pages final : public core::NativeInspector {
 public:
  Pages() {
    inspector::InspectorOptions options;
    options.program =
        std::string(::getenv("PLIMSOLL_BIN_DIR")) + "/plimsoll-inspector";
    auto made = inspector::BlockingInspector::Make(options);
    if (made.ok()) inspector_ = *std::move(made);
  }
  bool ok() const { return inspector_ != nullptr; }
  void UnwindStacks(const core::PythonProcess&,
                    std::vector<core::NativeSnapshot>, UnwindDone) override {}
  void ReadResidentPages(const core::PythonProcess& python,
                         PagesDone done) override {
    done(inspector_->ReadResidentPages(python));
  }

 private:
  std::unique_ptr<inspector::BlockingInspector> inspector_;
};

int OpenLinks() {
  int links = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(directory)) {
    char target[64] = {};
    std::string path = std::string("/proc/self/fd/") + entry->d_name;
    ssize_t length = ::readlink(path.c_str(), target, sizeof(target) - 1);
    links +=
        length > 0 && std::string(target).find("bpf_link") != std::string::npos;
  }
  ::closedir(directory);
  return links;
}

class BpfProbesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    if (StrippedPythons().empty()) GTEST_SKIP() << "no /usr/bin/python3.11";
    kernel_ = bpf::KernelSupport::Detect();
    auto costs = bpf::CalibrateHitCosts(kernel_);
    ASSERT_TRUE(costs.ok()) << costs.status();
    costs_ = *costs;
    auto loop = EventLoop::Create();
    ASSERT_TRUE(loop.ok());
    loop_ = *std::move(loop);
  }
  BpfProbes Make(core::GovernorOptions options = {}) {
    return {
        kernel_,
        costs_,
        procfs::ProcRoot(),
        &time_,
        [this](std::function<void()> work) { loop_->Post(std::move(work)); },
        options};
  }
  static core::ProcessId IdOf(const BpfTarget& target) {
    return {target.pid(), target.process().start_ticks, 0};
  }

  bpf::KernelSupport kernel_;
  core::HitCosts costs_;
  FakeTime time_;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(BpfProbesTest, AGcProbePastItsBudgetIsDetachedAndComesBack) {
  BpfTarget target(StrippedPythons()[0], kScript);
  core::GovernorOptions options;
  options.tier1_average_share = 1e-7;  // 30 us in five minutes
  BpfProbes probes = Make(options);
  const core::ProcessId id = IdOf(target);
  const int before = OpenLinks();
  auto rung = probes.AttachGc(id, target.process());
  ASSERT_TRUE(rung.ok()) << rung.status();
  EXPECT_GT(OpenLinks(), before);
  EXPECT_EQ(probes.usage().revoked, 0);
  target.Command("collect 2000");
  core::Tier1Sample sample = probes.Collect(id);
  EXPECT_EQ(OpenLinks(), before) << "the trap is still in the target";
  EXPECT_THAT(sample.gc_refusal, HasSubstr("budget"));
  EXPECT_GE(sample.losses["probe_budget"], 1);
  EXPECT_EQ(probes.usage().revoked, 1);
  EXPECT_EQ(probes.usage().revoked_total, 1);
  // It stays away, and says so, until a stretch like that can be paid.
  EXPECT_THAT(probes.Collect(id).gc_refusal, HasSubstr("budget"));
  time_.Advance(1'000'000 * kSecond);
  EXPECT_EQ(probes.Collect(id).gc_refusal, "");
  EXPECT_GT(OpenLinks(), before);
  EXPECT_EQ(probes.usage().revoked, 0);
  probes.Detach(id);
  EXPECT_EQ(OpenLinks(), before);
}

// A debugger, or another agent, holds them.
TEST_F(BpfProbesTest, BirthsAreRefusedInWordsWhereNoDebugRegisterIsFree) {
  BpfTarget target(StrippedPythons()[0], kScript);
  auto first = bpf::BirthProbe::Create(kernel_);
  auto second = bpf::BirthProbe::Create(kernel_);
  ASSERT_TRUE(first.ok() && second.ok()) << first.status();
  auto three = first->Watch(target.process());
  auto one = second->Watch(target.process());
  ASSERT_TRUE(three.ok() && one.ok()) << three.status() << one.status();
  ASSERT_EQ((*three)->Slots(true).value_or(0), 1) << "of three words";
  ASSERT_EQ((*one)->Slots(false).value_or(0), 1);
  BpfProbes probes = Make();
  testing::FakeInspector looker;
  probes.LookWith(kernel_, &looker, nullptr, &time_);
  ASSERT_EQ(probes.watch_refusal(), "") << "the machine has them";
  core::BirthRequest request;
  request.duration_ns = 20 * kSecond;
  request.type = "m.T";
  request.type_address = target.process().type_type_address;
  absl::Status answer;
  probes.WatchBirths(IdOf(target), target.process(), request,
                     [&](const auto& raw) { answer = raw.status(); });
  EXPECT_TRUE(absl::IsFailedPrecondition(answer)) << answer;
  EXPECT_THAT(answer.message(), HasSubstr("debug register"));
}

// Workers that only touch what they inherited copied every page of it, and each
// copy was a row of growth.
TEST_F(BpfProbesTest, PagesCopiedAfterAForkAreNotGrowth) {
  BpfTarget target(StrippedPythons()[0], kScript);
  Pages pages;
  ASSERT_TRUE(pages.ok());
  BpfProbes probes = Make();
  testing::FakeInspector looker;
  probes.LookWith(kernel_, &looker, &pages, &time_);
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachGrowth(id, target.process()).ok());
  const auto pages_grown = [&] {
    time_.Advance(61 * kSecond);
    const core::Tier1Sample sample = probes.Collect(id);
    EXPECT_EQ(sample.growth_refusal, "");
    int64_t rows = 0;
    if (!sample.growth) return rows;
    for (const core::StackCount& count : sample.growth->profile.counts) {
      rows += count.allocations;
    }
    return rows;
  };
  (void)pages_grown();  // what starting took
  for (int i = 0; i < 2; ++i) {
    const int64_t hits = probes.usage().hits;
    target.Command("fork 60 again 1");
    // Some pages of Python's own for a process to be forked by.
    EXPECT_LT(pages_grown(), 200);
    EXPECT_GT(probes.usage().hits - hits, 2000) << "nothing was copied";
  }
  target.Command("grow 1000");
  EXPECT_NEAR(static_cast<double>(pages_grown()), 1000, 100);
  probes.Detach(id);
}

// A process that SIGTRAP ends after it was probed may have been ended by a
// probe: no other is risked.
TEST_F(BpfProbesTest, ATrappedTargetEndsProbingOnTheNode) {
  BpfTarget first(StrippedPythons()[0], kScript);
  BpfTarget second(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const int before = OpenLinks();
  ASSERT_TRUE(probes.AttachGc(IdOf(first), first.process()).ok());
  ASSERT_TRUE(probes.AttachGc(IdOf(second), second.process()).ok());
  const int attached = OpenLinks();
  ASSERT_GT(attached, before);
  // Of others, and of other signals, nothing is made.
  probes.HandleKilled(::getpid(), SIGTRAP);
  probes.HandleKilled(first.pid(), SIGSEGV);
  probes.HandleKilled(first.pid(), SIGKILL);
  EXPECT_EQ(OpenLinks(), attached);
  EXPECT_EQ(probes.refusal(), "");
  EXPECT_EQ(probes.usage().trapped, 0);

  probes.HandleKilled(first.pid(), SIGTRAP);
  probes.Detach(IdOf(first));
  EXPECT_EQ(OpenLinks(), before) << "the second is still probed";
  EXPECT_EQ(probes.usage().trapped, 1);
  const std::string named =
      "process " + std::to_string(first.pid()) + " was ended by SIGTRAP";
  EXPECT_THAT(probes.refusal(), HasSubstr(named));
  EXPECT_EQ(probes.rung(), "");
  EXPECT_THAT(probes.Collect(IdOf(second)).gc_refusal, HasSubstr(named));
  EXPECT_THAT(
      probes.AttachGc(IdOf(second), second.process()).status().message(),
      HasSubstr(named));
  absl::Status window;
  probes.OpenWindow(
      IdOf(second), second.process(),
      {.duration_ns = kSecond, .known_types = {}},
      [&](absl::StatusOr<core::RawProfile> raw) { window = raw.status(); });
  EXPECT_TRUE(absl::IsFailedPrecondition(window)) << window;
  EXPECT_THAT(window.message(), HasSubstr(named));
  EXPECT_EQ(second.target().Ended(), "");
}

// USDT places are nops, which the kernel emulates: 2,000 hits at the price of a
// single step were 35 times too dear.
TEST_F(BpfProbesTest, GcHitsAreChargedByTheirKindOfInstruction) {
  BpfTarget target(StrippedPythons()[0], kScript);
  bool emulated =
      bpf::GcProbeCost(target.process().build) == core::ProbeCost::kEmulated;
  if (!emulated) GTEST_SKIP() << "this build's places are single-stepped";
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachGc(id, target.process()).ok());
  target.Command("collect 500");
  probes.Collect(id);
  const core::ProbeUsage usage = probes.usage();
  EXPECT_GE(usage.hits, 1000);
  EXPECT_NEAR(
      static_cast<double>(usage.cost_ns) / static_cast<double>(usage.hits),
      costs_.PerHit(core::ProbeCost::kEmulated), 1);
}

// 3 us were assumed for the event and its program until the program had been
// timed, and from then on the event cost nothing.
TEST_F(BpfProbesTest, SampledFaultsAreChargedTheirEventToo) {
  BpfTarget target(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachGrowth(id, target.process()).ok());
  target.Command("grow 2000");
  probes.Collect(id);
  const core::ProbeUsage usage = probes.usage();
  EXPECT_GT(usage.page_fault_hit_ns, 0);
  ASSERT_GE(usage.hits, 2000);
  EXPECT_GT(
      static_cast<double>(usage.cost_ns) / static_cast<double>(usage.hits),
      usage.page_fault_hit_ns);
}

// What cannot be read has its growth sampled all the same.
TEST_F(BpfProbesTest, ARefusedPythonsGrowthIsSampledByNativeStacks) {
  BpfTarget target(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  const int before = OpenLinks();
  const auto rung = probes.AttachNativeGrowth(id);
  ASSERT_TRUE(rung.ok()) << rung.status();
  EXPECT_EQ(*rung, "page-faults");
  EXPECT_GT(OpenLinks(), before);
  target.Command("grow 2000");
  EXPECT_FALSE(probes.Collect(id).growth.has_value());  // once a minute
  target.Command("grow 4000");
  time_.Advance(61 * kSecond);
  const core::Tier1Sample sample = probes.Collect(id);
  EXPECT_EQ(sample.growth_refusal, "");
  EXPECT_THAT(sample.losses, IsEmpty());
  ASSERT_TRUE(sample.growth.has_value());
  const core::RawProfile& raw = *sample.growth;
  ASSERT_FALSE(raw.snapshots.empty());
  ASSERT_EQ(raw.profile.counts.size(), raw.snapshots.size());
  int64_t bytes = 0;
  for (const core::StackCount& count : raw.profile.counts) {
    bytes += count.allocated_bytes;
  }
  // Of 6,000 pages few are sampled, and stand for the rest; the first ones may
  // all be of code that was not touched before, which is no growth.
  EXPECT_GT(bytes, 12'000'000);
  EXPECT_LT(bytes, 30'000'000);
  EXPECT_GT(probes.usage().cost_ns, 0);
  probes.Detach(id);
  EXPECT_EQ(OpenLinks(), before);
}

TEST_F(BpfProbesTest, NativeStacksPastTheirBudgetEndAndComeBack) {
  BpfTarget target(StrippedPythons()[0], kScript);
  core::GovernorOptions options;
  options.tier1_average_share = 1e-7;  // 30 us in five minutes
  BpfProbes probes = Make(options);
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachNativeGrowth(id).ok());
  target.Command("grow 2000");
  core::Tier1Sample sample = probes.Collect(id);
  EXPECT_EQ(sample.losses["probe_budget"], 1);
  EXPECT_THAT(sample.growth_refusal, HasSubstr("budget"));
  EXPECT_EQ(probes.usage().revoked, 1);
  time_.Advance(1'000'000 * kSecond);
  EXPECT_EQ(probes.Collect(id).growth_refusal, "");
  EXPECT_EQ(probes.usage().revoked, 0);
}

TEST_F(BpfProbesTest, TheLoopKeepsItsTimersWhileAWindowOpens) {
  BpfTarget target(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(target);
  ASSERT_TRUE(probes.AttachGc(id, target.process()).ok());
  const std::thread::id loop_thread = std::this_thread::get_id();
  int ticks = 0;
  bool done = false;
  std::function<void()> tick = [&] {
    ++ticks;
    loop_->RunAfter(2'000'000, tick);
  };
  tick();
  core::WindowRequest request;
  request.duration_ns = 1;  // over as soon as the pilot is
  probes.OpenWindow(id, target.process(), request,
                    [&](absl::StatusOr<core::RawProfile> raw) {
                      EXPECT_TRUE(raw.ok()) << raw.status();
                      EXPECT_EQ(std::this_thread::get_id(), loop_thread);
                      done = true;
                      loop_->Stop();
                    });
  EXPECT_FALSE(done);
  loop_->RunAfter(30 * kSecond, [&] { loop_->Stop(); });
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_TRUE(done);
  // The pilot alone takes 75 ms.
  EXPECT_GE(ticks, 10);
}

TEST_F(BpfProbesTest, EndingClosesOpenWindowsAtOnce) {
  BpfTarget target(StrippedPythons()[0], kScript);
  const int before = OpenLinks();
  bool answered = false;
  auto begin = std::chrono::steady_clock::now();
  {
    BpfProbes probes = Make();
    core::WindowRequest request;
    request.duration_ns = 300 * kSecond;
    probes.OpenWindow(IdOf(target), target.process(), request,
                      [&](const auto&) { answered = true; });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(OpenLinks(), before);
  EXPECT_FALSE(answered);
}

TEST_F(BpfProbesTest, AWindowEndsWithItsProcess) {
  auto target = std::make_unique<BpfTarget>(StrippedPythons()[0], kScript);
  BpfProbes probes = Make();
  const core::ProcessId id = IdOf(*target);
  ASSERT_TRUE(probes.AttachGc(id, target->process()).ok());
  core::WindowRequest request;
  request.duration_ns = 300 * kSecond;
  absl::Status answer;
  probes.OpenWindow(id, target->process(), request, [&](const auto& raw) {
    answer = raw.status();
    loop_->Stop();
  });
  loop_->RunAfter(kSecond / 2, [&] {
    target.reset();
    probes.Detach(id);
  });
  loop_->RunAfter(60 * kSecond, [&] { loop_->Stop(); });
  ASSERT_TRUE(loop_->Run().ok());
  EXPECT_TRUE(absl::IsNotFound(answer)) << answer;
}

}  // namespace
}  // namespace plimsoll::agent
