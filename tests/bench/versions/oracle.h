// The delay that one would have who knows what nobody can: the path of each
// process' healthy memory, and the size and the memory of its noise. It fits
// each pod's level and a straight line beside what is known (generalised least
// squares, exact for that noise), pools the lines of the pods of the new
// version, and speaks at the first look at which their mean is so many of its
// errors above zero. What is shorter than its delay nobody can be asked for on
// these workloads.
#ifndef PLIMSOLL_TESTS_BENCH_VERSIONS_ORACLE_H_
#define PLIMSOLL_TESTS_BENCH_VERSIONS_ORACLE_H_

#include <optional>

#include "tests/bench/versions/version_maker.h"

namespace plimsoll::bench {

// When it speaks, in seconds; nothing if never.
std::optional<double> OracleSpeaks(const MadeVersions& made);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERSIONS_ORACLE_H_
