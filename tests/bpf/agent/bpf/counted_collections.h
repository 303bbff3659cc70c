// Collections as probes counted them, beside what the target says of itself.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_COUNTED_COLLECTIONS_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_COUNTED_COLLECTIONS_H_

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "agent/bpf/gc_probe.h"
#include "agent/core/python_layout.h"

namespace plimsoll::testing {

// Python, for scripts that imported gc and switched it off. `automatic` lets
// the thresholds work; `dropped` passes a threshold and falls below it inside
// one call into C, so that from 3.13 the collector's function is called with
// nothing to do.
inline constexpr char kCollectorJobs[] = R"(
class Buoy(object): pass
def automatic(n):
    gc.enable()
    kept = [[] for i in range(n)]
    gc.disable()
def dropped(n):
    some = [()] * 5000 + [None]
    gc.collect(0)
    gc.enable()
    for i in range(n):
        try: list(map(list, some))
        except TypeError: pass
    gc.disable()
)";

// As in a build without --with-dtrace.
inline core::PythonProcess WithoutUsdt(core::PythonProcess python) {
  std::erase_if(python.build.probes, [](const core::ProbePoint& p) {
    return p.kind == core::ProbeKind::kGcStart ||
           p.kind == core::ProbeKind::kGcDone;
  });
  return python;
}

// Of one generation, by gc.get_stats().
struct ToldCollections {
  int64_t count = 0, collected = 0;
};

// That the times of a generation's pauses fit each other.
inline void ExpectTimesThatFit(const core::GcPauses& pauses) {
  const std::vector<int64_t> buckets(pauses.log2_ns_counts.begin(),
                                     pauses.log2_ns_counts.end());
  EXPECT_EQ(std::accumulate(buckets.begin(), buckets.end(), int64_t{0}),
            pauses.count);
  int64_t least = 0;
  for (size_t b = 0; b < buckets.size(); ++b) least += buckets[b] << b;
  EXPECT_GE(pauses.sum_ns, least);
  EXPECT_LE(pauses.sum_ns, 2 * least);
  if (pauses.count == 0) return;
  EXPECT_GE(pauses.sum_ns, pauses.max_ns);
  EXPECT_LE(pauses.sum_ns, pauses.max_ns * pauses.count);
  size_t last = buckets.size() - 1;
  while (buckets[last] == 0) --last;
  EXPECT_GE(pauses.max_ns, int64_t{1} << last);
  EXPECT_LT(pauses.max_ns, int64_t{2} << last);
}

// That each generation's are those that the target tells; how many in all.
inline int64_t ExpectCollections(const bpf::GcTaken& taken,
                                 const std::array<ToldCollections, 3>& told) {
  EXPECT_EQ(taken.pauses.size(), told.size()) << "a generation is not known";
  if (taken.pauses.size() != told.size()) return 0;
  int64_t collections = 0;
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(taken.pauses[i].count, told[i].count) << "generation " << i;
    EXPECT_EQ(taken.pauses[i].collected, told[i].collected)
        << "generation " << i;
    ExpectTimesThatFit(taken.pauses[i]);
    collections += taken.pauses[i].count;
  }
  return collections;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_COUNTED_COLLECTIONS_H_
