// The thresholds of the judgement that verdict_bench takes on its command line.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_KNOBS_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_KNOBS_H_

#include <string>

#include "collector/core/thresholds.h"

namespace plimsoll::bench {

// Sets one by "name=value"; false where there is none of that name.
bool SetKnob(const std::string& text,
             collector::JudgementThresholds& thresholds);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_KNOBS_H_
