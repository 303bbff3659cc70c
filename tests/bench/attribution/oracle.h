// What the data of made-up traffic can tell at best: least squares with the
// true covariance of the noise, by one who also knows the base of memory, how
// the leaked sizes scattered, and of several causes all but one. Like the
// product it does not know each process' own growth by time. No estimate of
// the same data can be expected to err less. Deterministic.
#ifndef PLIMSOLL_TESTS_BENCH_ATTRIBUTION_ORACLE_H_
#define PLIMSOLL_TESTS_BENCH_ATTRIBUTION_ORACLE_H_

#include "tests/bench/attribution/traffic_maker.h"

namespace plimsoll::bench {

struct Oracle {
  double error = 0;    // of the first truth's bytes per request, a share
  double t = 0;        // that estimate over its standard error
  bool first = false;  // no other attribute explains more than the truth
  bool sure = false;   // t is past 95 % for as many tests as attributes
  // Of the truth among the values of its keys, in rows that the true noise
  // whitens (leak-analysis 3.4).
  double vif = 1;
};

// `made` has truths.
Oracle AskOracle(const Cell& cell, const MadeTraffic& made);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_ATTRIBUTION_ORACLE_H_
