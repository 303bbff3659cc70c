#include "tests/bench/verdict/census_maker.h"

#include <algorithm>

namespace plimsoll::bench {
namespace {

int64_t Ns(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

}  // namespace

CensusTraits DrawCensusTraits(Random& random) {
  CensusTraits traits;
  traits.period_s = LogUniform(random, 30, 180);
  traits.error = LogUniform(random, 0.0005, 0.005);
  return traits;
}

CensusMaker::CensusMaker(const CensusTraits& traits, double t_s, Random& random)
    : traits_(traits),
      schedule_(Ns(1e9), Ns(traits.period_s), Ns(t_s)),
      random_(random) {}

float CensusMaker::Look(double t_s, double bytes, double in_use) {
  const int64_t now = Ns(t_s);
  schedule_.ObserveBytes(now, static_cast<int64_t>(bytes));
  if (schedule_.Due(now) != core::CensusKind::kFull) return kNoCensus;
  schedule_.CensusTaken(now, static_cast<int64_t>(bytes),
                        static_cast<int64_t>(in_use));
  const double off =
      traits_.error * std::normal_distribution<double>()(random_);
  return static_cast<float>(std::clamp(in_use + off * bytes, 0.0, bytes));
}

}  // namespace plimsoll::bench
