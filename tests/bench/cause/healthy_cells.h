// Made-up workloads without a leak, and what the collector shows of each:
// the whole of its judgement, at every five minutes.
#ifndef PLIMSOLL_TESTS_BENCH_CAUSE_HEALTHY_CELLS_H_
#define PLIMSOLL_TESTS_BENCH_CAUSE_HEALTHY_CELLS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/incident/verdict.h"

namespace plimsoll::bench {

struct HealthyCell {
  const char* name = "";
  collector::Verdict truth = collector::Verdict::kNone;
  double hours = 6;
};

std::vector<HealthyCell> HealthyCells();

struct HealthyWord {
  collector::Verdict verdict = collector::Verdict::kUnknown;
  bool claimed = false;  // as a leak: `verdict` is the incident's
  std::string why;       // the judgement's words
};

// One workload of one pod, judged up to its end.
HealthyWord JudgeHealthy(const HealthyCell& cell, uint64_t seed);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_CAUSE_HEALTHY_CELLS_H_
