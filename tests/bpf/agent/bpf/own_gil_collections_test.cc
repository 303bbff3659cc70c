// Collections of interpreters with a GIL of their own (3.12 on): they collect
// at once, on several CPUs, and each is counted once beside gc.get_stats().
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/bpf/gc_probe.h"
#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/bpf/agent/bpf/counted_collections.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::ExpectCollections;
using ::plimsoll::testing::kCollectorJobs;
using ::plimsoll::testing::MinorOf;
using ::plimsoll::testing::ToldCollections;
using ::plimsoll::testing::WithoutUsdt;

constexpr int kInterpreters = 4;

// Each interpreter collects only when asked. `collect` does it at once in all;
// kCollectorJobs, in the first one.
constexpr char kBegin[] = R"(
import gc, os, sys, threading
try:
    import _interpreters as inner
except ImportError:
    import _xxsubinterpreters as inner
gc.disable()
CODE = '''
import gc, os
gc.disable(); gc.collect()
)";
constexpr char kEnd[] = R"(
def collect(n):
    for i in range(n):
        b = Buoy(); b.me = b; del b
        gc.collect(0)
def say():
    for i, s in enumerate(gc.get_stats()):
        os.write(1, ('collections%d_%d %d\\ncollected%d_%d %d\\n' % (
            i, WHICH, s['collections'], i, WHICH, s['collected'])).encode())
'''
interpreters = []
def run(which, text): inner.run_string(interpreters[which], text)
def at_once(text):
    threads = [threading.Thread(target=run, args=(i, text))
               for i in range(len(interpreters))]
    for t in threads: t.start()
    for t in threads: t.join()
def say():
    for i in range(len(interpreters)): run(i, 'say()')
    print('done', flush=True)
for which in range(4):
    interpreters.append(inner.create())
    run(which, 'WHICH = %d' % which + CODE)
say()
while True:
    words = sys.stdin.readline().split()
    text = '%s(%s)' % (words[0], words[1])
    at_once(text) if words[0] == 'collect' else run(0, text)
    say()
)";

std::vector<std::string> Pythons() {
  std::vector<std::string> found;
  for (const std::string& python : ::plimsoll::testing::SupportedPythons()) {
    if (MinorOf(python) >= 12) found.push_back(python);
  }
  if (found.empty()) found.emplace_back();  // one that says why it is skipped
  return found;
}

// What all interpreters say of a generation since.
int64_t Sum(const BpfTarget::Facts& after, const BpfTarget::Facts& before,
            const std::string& name) {
  int64_t sum = 0;
  for (int i = 0; i < kInterpreters; ++i) {
    const std::string fact = name + "_" + std::to_string(i);
    sum += std::stoll(after.at(fact)) - std::stoll(before.at(fact));
  }
  return sum;
}

class OwnGilCollectionsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    if (GetParam().empty()) {
      GTEST_SKIP() << "no Python of 3.12 or later, whose interpreters may have "
                      "a GIL of their own";
    }
    auto probe = GcProbe::Create(KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
  }

  // That what was counted while `command` ran is what the target says.
  void CountsAreTheTargets(const std::string& command) {
    BpfTarget target(GetParam(), std::string(kBegin) + kCollectorJobs + kEnd);
    target.WaitIdle();
    const auto watched = probe_->Watch(WithoutUsdt(target.process()));
    ASSERT_TRUE(watched.ok()) << watched.status();
    const BpfTarget::Facts after = target.Command(command);
    const absl::StatusOr<GcTaken> taken = probe_->Take(target.pid());
    ASSERT_TRUE(taken.ok()) << taken.status();
    std::array<ToldCollections, 3> told;
    for (size_t i = 0; i < told.size(); ++i) {
      const std::string generation = std::to_string(i);
      told[i] = {Sum(after, target.facts(), "collections" + generation),
                 Sum(after, target.facts(), "collected" + generation)};
    }
    ExpectCollections(*taken, told);
    EXPECT_TRUE(taken->drops.empty());
  }

  std::optional<GcProbe> probe_;
};

TEST_P(OwnGilCollectionsTest, ThoseOfSeveralThreadsAtOnceAreAllCounted) {
  CountsAreTheTargets("collect 20000");
}

// By the statistics of the interpreter that collects: 3.13 does not pass the
// generation.
TEST_P(OwnGilCollectionsTest, TheirGenerationIsKnown) {
  CountsAreTheTargets("automatic 100000");
}

// As in the main interpreter, calls that return at once are no collections.
TEST_P(OwnGilCollectionsTest, CallsThatReturnAtOnceAreNoCollections) {
  CountsAreTheTargets("dropped 9");
}

INSTANTIATE_TEST_SUITE_P(Pythons, OwnGilCollectionsTest,
                         ::testing::ValuesIn(Pythons()), [](const auto& info) {
                           return info.param.empty()
                                      ? std::string("none")
                                      : ::plimsoll::testing::TestNameOf(
                                            info.param);
                         });

}  // namespace
}  // namespace plimsoll::bpf
