// The target of the window tests, the truth it keeps of itself, and sums over a
// window's rows.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_WINDOW_TRUTH_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_WINDOW_TRUTH_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "agent/bpf/alloc_window.h"
#include "tests/bpf/agent/bpf/bpf_target.h"

namespace plimsoll::testing {

// Functions with one job each, so that a code object names what was done.
inline constexpr char kWindowScript[] = R"(
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
    try:
        hook = ctypes.PyDLL(sys.argv[1])
        hook.install.restype = ctypes.c_uint64
        counted = hook.install()
    except OSError: pass  # a target in a root directory of its own
say('counted', counted)
for f in (make_vessels, make_masts, make_lists, drop_all, churn, recurse):
    say(f.__name__, id(f.__code__))
for t in (Vessel, Mast, list):
    say(t.__name__, id(t))
jobs = dict((f.__name__, f) for f in
            (make_vessels, make_masts, make_lists, drop_all, churn, recurse))
for f in (make_vessels, make_masts, make_lists, drop_all, churn): f(3)
for o in (Vessel(0), Mast()): say('bytes_of_' + type(o).__name__, sys.getsizeof(o))
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

inline Truth ReadTruth(const BpfTarget& target) {
  Truth truth = {};
  const size_t n = LiveMemory(target.pid())
                       .Read(target.Number("counted"),
                             std::as_writable_bytes(std::span(&truth, 1)));
  EXPECT_EQ(n, sizeof(truth));
  return truth;
}

inline std::string CountingAllocator() {
  const char* path = std::getenv("PLIMSOLL_COUNTING_ALLOCATOR");
  return path == nullptr ? "" : path;
}

struct Sum {
  int64_t allocations = 0;
  int64_t frees = 0;
  int64_t allocated_bytes = -1;  // compared when both sides name it
  friend bool operator==(const Sum& a, const Sum& b) {
    return a.allocations == b.allocations && a.frees == b.frees &&
           (a.allocated_bytes < 0 || b.allocated_bytes < 0 ||
            a.allocated_bytes == b.allocated_bytes);
  }
  friend std::ostream& operator<<(std::ostream& out, const Sum& sum) {
    return out << "+" << sum.allocations << " -" << sum.frees << ", "
               << sum.allocated_bytes << " bytes";
  }
};

struct Filter {
  std::optional<core::ProbeKind> probe = {};
  std::optional<uint64_t> type = {};
  std::optional<uint64_t> code = {};  // of the innermost frame
  std::optional<int32_t> block_bytes = {};
};

inline Sum SumOf(const bpf::WindowCounts& window, const Filter& filter) {
  Sum sum;
  sum.allocated_bytes = 0;
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
    sum.allocated_bytes += row.allocated_bytes;
  }
  return sum;
}

// One line for each place where the window differs from the target's truth.
inline std::vector<std::string> Differences(const bpf::WindowCounts& window,
                                            const Truth& before,
                                            const Truth& after) {
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

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_WINDOW_TRUTH_H_
