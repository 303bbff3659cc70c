// The kernel's counts beside what the target itself did. The truth comes from a
// counting hook in the target (counting_allocator.c), read from outside while
// the target is at rest: every call between two moments of rest is in both.
#include "agent/bpf/alloc_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::LiveMemory;
using ::plimsoll::testing::PlainPythons;
using ::plimsoll::testing::StrippedPythons;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;

// Functions with one job each, so that a code object names what was done.
constexpr char kScript[] = R"(
import sys, gc
gc.disable()
class Vessel(object):
    def __init__(self, n): self.n = n
class Mast(object):
    __slots__ = ('a',)
kept = []
def make_vessels(n):
    for i in range(n): kept.append(Vessel(i))
def make_masts(n):
    for i in range(n): kept.append(Mast())
def make_lists(n):
    for i in range(n): kept.append([None])
def drop_all(n):
    del kept[:]
def churn(n):
    for i in range(n): str(i) + 'x'
def recurse(n):
    return recurse(n - 1) if n else kept.append(Mast())
def say(name, value):
    sys.stdout.write('%s %s\n' % (name, value)); sys.stdout.flush()
counted = 0
if len(sys.argv) > 1:
    import ctypes
    hook = ctypes.PyDLL(sys.argv[1])
    hook.install.restype = ctypes.c_uint64
    counted = hook.install()
say('counted', counted)
for f in (make_vessels, make_masts, make_lists, drop_all, churn, recurse):
    say(f.__name__, id(f.__code__))
for t in (Vessel, Mast, list):
    say(t.__name__, id(t))
jobs = dict((f.__name__, f) for f in
            (make_vessels, make_masts, make_lists, drop_all, churn, recurse))
for f in (make_vessels, make_masts, make_lists, drop_all, churn): f(3)
say('free', 0)
sys.stdout.write('done\n'); sys.stdout.flush()
while True:
    words = sys.stdin.readline().split()
    for i in range(0, len(words), 2): jobs[words[i]](int(words[i + 1]))
    sys.stdout.write('done\n'); sys.stdout.flush()
)";

struct Truth {
  uint64_t mallocs[33];
  uint64_t callocs[33];
  uint64_t reallocs;
  uint64_t frees;
};

Truth ReadTruth(const BpfTarget& target) {
  Truth truth = {};
  const size_t n = LiveMemory(target.pid())
                       .Read(target.Number("counted"),
                             std::as_writable_bytes(std::span(&truth, 1)));
  EXPECT_EQ(n, sizeof(truth));
  return truth;
}

std::string CountingAllocator() {
  const char* path = std::getenv("PLIMSOLL_COUNTING_ALLOCATOR");
  return path == nullptr ? "" : path;
}

struct Sum {
  int64_t allocations = 0;
  int64_t frees = 0;
  friend bool operator==(const Sum&, const Sum&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Sum& sum) {
    return out << "+" << sum.allocations << " -" << sum.frees;
  }
};

struct Filter {
  std::optional<core::ProbeKind> probe = {};
  std::optional<uint64_t> type = {};
  std::optional<uint64_t> code = {};  // of the innermost frame
  std::optional<int32_t> block_bytes = {};
};

Sum SumOf(const WindowCounts& window, const Filter& filter) {
  Sum sum;
  for (const core::StackCount& row : window.counts) {
    const core::RawStack& stack = window.stacks.at(row.stack_index);
    if (filter.probe && row.probe != *filter.probe) continue;
    if (filter.type && row.type_address != *filter.type) continue;
    if (filter.block_bytes && row.block_bytes != *filter.block_bytes) continue;
    if (filter.code && (stack.frames.empty() ||
                        stack.frames.front().code_address != *filter.code)) {
      continue;
    }
    sum.allocations += row.allocations;
    sum.frees += row.frees;
  }
  return sum;
}

// One line for each place where the window differs from the target's truth.
std::vector<std::string> Differences(const WindowCounts& window,
                                     const Truth& before, const Truth& after) {
  std::vector<std::string> differences;
  const auto compare = [&differences](const std::string& what, int64_t counted,
                                      uint64_t truth) {
    if (counted != static_cast<int64_t>(truth)) {
      differences.push_back(what + ": counted " + std::to_string(counted) +
                            ", the target made " + std::to_string(truth));
    }
  };
  for (int i = 0; i < 33; ++i) {
    const std::string name = " of " + std::to_string(16 * i) + " bytes";
    Filter filter{.probe = core::ProbeKind::kObjectMalloc,
                  .block_bytes = 16 * i};
    compare("malloc" + name, SumOf(window, filter).allocations,
            after.mallocs[i] - before.mallocs[i]);
    filter.probe = core::ProbeKind::kObjectCalloc;
    compare("calloc" + name, SumOf(window, filter).allocations,
            after.callocs[i] - before.callocs[i]);
  }
  compare("free", SumOf(window, {.probe = core::ProbeKind::kObjectFree}).frees,
          after.frees - before.frees);
  return differences;
}

class AllocWindowTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    absl::StatusOr<AllocProbe> probe =
        AllocProbe::Create(KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
  }

  AllocWindow Open(const BpfTarget& target, AllocWindowOptions options = {}) {
    absl::StatusOr<AllocWindow> window =
        probe_->OpenWindow(target.process(), options);
    if (!window.ok()) {
      ADD_FAILURE() << window.status();
      std::abort();
    }
    return *std::move(window);
  }

  std::optional<AllocProbe> probe_;
};

// The symbols of these builds see every call.
class PlainAllocWindowTest : public AllocWindowTest {};

TEST_P(PlainAllocWindowTest, CountsAreThoseOfTheTarget) {
  ASSERT_FALSE(CountingAllocator().empty());
  BpfTarget target(GetParam(), kScript, {CountingAllocator()});
  ASSERT_NE(target.Number("counted"), 0u);
  target.WaitIdle();
  const Truth before = ReadTruth(target);
  AllocWindow window = Open(target);
  target.Command("make_vessels 400 make_masts 150 make_lists 70 churn 900");
  target.Command("drop_all 0");
  const WindowCounts counts = window.Close();
  const Truth after = ReadTruth(target);

  EXPECT_THAT(Differences(counts, before, after), ::testing::IsEmpty());
  EXPECT_TRUE(counts.drops.empty())
      << counts.drops.begin()->first << " " << counts.drops.begin()->second;
  const auto typed = [&](core::ProbeKind probe, const char* type,
                         const char* code) {
    return SumOf(counts, {.probe = probe,
                          .type = target.Number(type),
                          .code = target.Number(code)});
  };
  using core::ProbeKind;
  EXPECT_EQ(typed(ProbeKind::kTypeGenericAlloc, "Vessel", "make_vessels"),
            (Sum{400, 0}));
  EXPECT_EQ(typed(ProbeKind::kTypeGenericAlloc, "Mast", "make_masts"),
            (Sum{150, 0}));
  EXPECT_EQ(typed(ProbeKind::kObjectMalloc, "Vessel", "make_vessels"),
            (Sum{400, 0}));
  EXPECT_EQ(typed(ProbeKind::kObjectMalloc, "Mast", "make_masts"),
            (Sum{150, 0}));
  EXPECT_EQ(typed(ProbeKind::kObjectFree, "Vessel", "drop_all"), (Sum{0, 400}));
  EXPECT_EQ(typed(ProbeKind::kObjectFree, "Mast", "drop_all"), (Sum{0, 150}));
  // No instance was made or freed anywhere else.
  for (const char* type : {"Vessel", "Mast"}) {
    const int64_t n = type[0] == 'V' ? 400 : 150;
    EXPECT_EQ(SumOf(counts, {.probe = ProbeKind::kObjectMalloc,
                             .type = target.Number(type)}),
              (Sum{n, 0}));
    EXPECT_EQ(SumOf(counts, {.probe = ProbeKind::kObjectFree,
                             .type = target.Number(type)}),
              (Sum{0, n}));
  }
}

TEST_P(PlainAllocWindowTest, WithoutTheMallocProbeTheComparisonFails) {
  BpfTarget target(GetParam(), kScript, {CountingAllocator()});
  target.WaitIdle();
  const Truth before = ReadTruth(target);
  AllocWindow window =
      Open(target, {.kinds = {core::ProbeKind::kTypeGenericAlloc,
                              core::ProbeKind::kObjectFree}});
  target.Command("make_vessels 400 churn 100");
  const WindowCounts counts = window.Close();
  EXPECT_THAT(Differences(counts, before, ReadTruth(target)),
              ::testing::Contains(HasSubstr("malloc")));
}

INSTANTIATE_TEST_SUITE_P(Pythons, PlainAllocWindowTest,
                         ::testing::ValuesIn(PlainPythons(8, 13)), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PlainAllocWindowTest);

// These builds inline the allocator: only the typed counts hold.
class StrippedAllocWindowTest : public AllocWindowTest {};

TEST_P(StrippedAllocWindowTest, TypedAllocatorsSeeEveryInstance) {
  BpfTarget target(GetParam(), kScript);
  target.WaitIdle();
  AllocWindow window = Open(target);
  target.Command("make_vessels 400 make_masts 150 make_lists 70");
  const WindowCounts counts = window.Close();
  EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Vessel"),
                           .code = target.Number("make_vessels")}),
            (Sum{400, 0}));
  EXPECT_EQ(SumOf(counts, {.probe = core::ProbeKind::kTypeGenericAlloc,
                           .type = target.Number("Mast"),
                           .code = target.Number("make_masts")}),
            (Sum{150, 0}));
  EXPECT_TRUE(counts.drops.empty());
}

INSTANTIATE_TEST_SUITE_P(Pythons, StrippedAllocWindowTest,
                         ::testing::ValuesIn(StrippedPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StrippedAllocWindowTest);

}  // namespace
}  // namespace plimsoll::bpf
