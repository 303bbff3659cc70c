// Real memory as the background of leaks that are known: public traces of
// machines or containers, cut into windows, with a leak laid on some of them.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_TRACED_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_TRACED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/verdict/fleet_maker.h"

namespace plimsoll::bench {

struct TraceOptions {
  uint64_t seed = 1;
  double window_h = 36;
  double scrape_s = 60;  // nearer samples are left out
  double leaking_share = 0.5;
};

// Each file is of one machine or container: lines of "second,bytes" in time
// order; any other line is left out. Each window with samples in most of its
// hours is a workload of one pod. The limit is half above the most that the
// window has. Half of the pods are taken to begin with the window, half to be
// weeks old. A leak of .15 to 20 % of the limit per hour, steady or of
// heavy-tailed sizes, begins with a young pod, and within twelve hours in an
// old one.
std::vector<MadeWorkload> ReadTraces(const std::vector<std::string>& files,
                                     const TraceOptions& options);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_TRACED_H_
