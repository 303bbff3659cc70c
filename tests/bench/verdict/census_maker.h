// What an agent's censuses would say of a made-up process: which part of its
// memory is in use, when, and how far off.
//
// In use is what a census counts as such: live Python objects, garbage that the
// collector has not come to yet, and what malloc handed out. So are
//   base, noise, requests in flight   objects of the program;
//   saw                               garbage: cycles that wait for a
//                                     collection;
//   warm-up, cache, step, load        modules, entries, a table, what waits;
//   leaks                             all of these are in use.
//   high-water                        is not: the burst is over, and what it
//                                     needed stays with the allocator.
//   pressure                          is in one half of the workloads (a cache
//                                     or garbage that is given up when memory
//                                     gets short); in the other it is free
//                                     chunks that are trimmed then.
// `record_programs.py --split` measures the same of real programs
// (docs/measurement/recordings.md).
//
// When: by the agent's own schedule (agent/core/census_schedule.h), with a
// period of 30 to 180 s, as a busy node puts censuses off. How far off: the
// memory and the census are read seconds apart, and the heap changes meanwhile:
// .05 to .5 % of the memory, one standard deviation. Measured splits leave .1
// to 1.3 % unexplained, most of it the same at each census, which does no harm.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_CENSUS_MAKER_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_CENSUS_MAKER_H_

#include "agent/core/census_schedule.h"
#include "tests/bench/verdict/process_model.h"

namespace plimsoll::bench {

// Of a workload.
struct CensusTraits {
  double period_s = 30, error = 0.001;
};
CensusTraits DrawCensusTraits(Random& random);

class CensusMaker {
 public:
  CensusMaker(const CensusTraits& traits, double t_s, Random& random);
  // Bytes in use as told at `t_s`, or kNoCensus where none is due.
  float Look(double t_s, double bytes, double in_use);

 private:
  const CensusTraits traits_;
  core::CensusSchedule schedule_;
  Random& random_;
};

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_CENSUS_MAKER_H_
