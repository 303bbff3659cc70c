// Plimsoll's judgement and its rivals over the same made-up series.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_DETECTORS_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_DETECTORS_H_

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "collector/core/thresholds.h"
#include "tests/bench/verdict/claims.h"

namespace plimsoll::bench {

// What the judgement is given beside memory.
struct Given {
  bool requests = false;  // counters by city
  bool live = false;      // what the agent's censuses say is in use
  bool types = false;     // and the live bytes of each type
};

// The collector's engine over the fleet as a recording, every five minutes.
std::vector<Claim> JudgeByPlimsoll(const std::vector<MadeWorkload>& fleet,
                                   const collector::Thresholds& thresholds,
                                   const Given& given);

// A rule looks at one pod's samples up to now, each hour, and fires or not.
// A workload's claim opens when any pod fires and ends after two silent hours.
struct Rival {
  std::string name;
  // Rate in bytes per second when it fires, with an interval if it has one.
  std::function<bool(const Tick* first, const Tick* past, double limit_bytes,
                     Claim& claim)>
      fires;
};
std::vector<Rival> Rivals();
std::vector<Claim> JudgeByRival(const std::vector<MadeWorkload>& fleet,
                                const Rival& rival);

// A rule that knows the path of the healthy memory, its noise left out, but not
// its size: what data such as these allow at the most.
Rival Oracle();

// Prints, each half hour, why each pod of a workload is not said to leak.
void Explain(const MadeWorkload& workload,
             const collector::Thresholds& thresholds, const Given& given);

// The fleet as OpenMetrics text, in time order.
void Dump(const std::vector<MadeWorkload>& fleet, std::ostream& out);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_DETECTORS_H_
