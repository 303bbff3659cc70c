// Recordings of real programs (record_programs.py) as workloads of one pod that
// the detectors can judge: a second of them stands for `speed` seconds.
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_RECORDED_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_RECORDED_H_

#include <string>
#include <vector>

#include "tests/bench/verdict/fleet_maker.h"

namespace plimsoll::bench {

// Every DIRECTORY/NAME.csv of "second,KiB" or "second,KiB,KiB in use" lines. A
// name with "leak" in it is
// of a leak. The limit is twice the most that the program had.
std::vector<MadeWorkload> ReadRecordings(const std::string& directory,
                                         double speed);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_RECORDED_H_
