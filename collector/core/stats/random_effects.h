// The mean of rates that differ by more than their errors: replicas of one
// workload, lives of one version. How much they differ is DerSimonian and
// Laird's estimate (Controlled Clinical Trials 7, 1986). Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_STATS_RANDOM_EFFECTS_H_
#define PLIMSOLL_COLLECTOR_CORE_STATS_RANDOM_EFFECTS_H_

#include <cstddef>
#include <limits>
#include <vector>

#include "collector/core/estimate.h"

namespace plimsoll::collector {

struct Effect {
  double value = 0;
  double variance = std::numeric_limits<double>::infinity();  // of its error
};

// Variance of the true rates around their mean; 0 where their errors explain
// how they differ, or there is one.
double BetweenVariance(const std::vector<Effect>& effects);

// Weighted by the inverse of both variances together.
Effect WeightedMean(const std::vector<Effect>& effects);

// The mean of independent rates, each as heavy: the error of a leak in lumps
// grows with the leak, and weights by it would favour the slow ones (Shuster,
// Statistics in Medicine 29, 2010). The interval is of the mean of rates like
// these and not of these alone. What is between them has Student's t with one
// less than their number (Hartung and Knapp, Statistics in Medicine 20, 2001);
// of two it has the normal's, as t would say nothing (12.7): it holds less
// often then. No rate above zero for certain makes a mean below it.
Estimate MeanRate(const std::vector<Estimate>& rates);

// How many standard deviations of so many values hold 95 % of such: Student's
// t, of two the normal's as above.
double Width95(size_t values);

// Of independent estimates.
Estimate SumOf(const std::vector<Estimate>& estimates);
Estimate Scaled(const Estimate& estimate, double factor);
// Of these and no others: their own errors alone.
Estimate OwnMeanOf(const std::vector<Estimate>& estimates);

// With an interval's half as 1.96 errors; infinite where it has none.
Effect EffectOf(const Estimate& estimate);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_STATS_RANDOM_EFFECTS_H_
