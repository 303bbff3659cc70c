#include "collector/core/diagnosis/outlying_instance.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>

#include "collector/core/stats/random_effects.h"
#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

constexpr size_t kLeastOthers = 3;
constexpr double kChance = 0.01, kLeastTimes = 2;

// Whether one more of `others` is below `value` but for chance.
bool IsBeyond(const Effect& one, const std::vector<Effect>& others) {
  const double n = static_cast<double>(others.size());
  double mean = 0, errors = 0, squares = 0;
  for (const Effect& e : others) mean += e.value / n;
  for (const Effect& e : others) {
    errors += e.variance / n;
    squares += (e.value - mean) * (e.value - mean) / (n - 1);
  }
  // What the few show of their differences, or what their errors allow.
  const double each = std::max({squares, errors, BetweenVariance(others)});
  const double error = std::sqrt(std::max(one.variance, errors) +
                                 std::max(0.0, each - errors) + each / n);
  const boost::math::students_t t(n - 1);
  const double bar = boost::math::quantile(t, 1 - kChance / (n + 1));
  return one.value >= kLeastTimes * mean && one.value - mean > bar * error;
}

// The words on the regions say it then.
bool IsItsRegion(const std::vector<InstanceGrowth>& instances,
                 const OutlyingInstance& one) {
  std::map<std::string, int> in_region;
  std::string mine;
  for (const InstanceGrowth& i : instances) {
    ++in_region[i.region];
    if (i.instance == one.instance) mine = i.region;
  }
  return in_region.size() > 1 && in_region[mine] == 1;
}

std::string NameOf(const std::string& instance) {
  return instance.substr(std::min(instance.find(' ') + 1, instance.size()));
}

}  // namespace

std::optional<OutlyingInstance> FindOutlier(
    const std::vector<InstanceGrowth>& instances) {
  const auto leaking =
      std::count_if(instances.begin(), instances.end(),
                    [](const InstanceGrowth& i) { return i.leaking; });
  if (instances.size() < 2 || leaking == 0) return std::nullopt;
  const auto fastest =
      std::max_element(instances.begin(), instances.end(),
                       [](const InstanceGrowth& a, const InstanceGrowth& b) {
                         return a.leaking != b.leaking
                                    ? b.leaking
                                    : a.bytes_per_s.value < b.bytes_per_s.value;
                       });
  if (leaking == 1) return OutlyingInstance{fastest->instance, std::nullopt};
  if (static_cast<size_t>(leaking) < instances.size() ||
      instances.size() < kLeastOthers + 1) {
    return std::nullopt;
  }
  std::vector<Effect> others;
  double mean = 0;
  for (const InstanceGrowth& i : instances) {
    if (i.instance == fastest->instance) continue;
    others.push_back(EffectOf(i.bytes_per_s));
    mean += i.bytes_per_s.value / static_cast<double>(instances.size() - 1);
  }
  if (mean <= 0 || !IsBeyond(EffectOf(fastest->bytes_per_s), others)) {
    return std::nullopt;
  }
  return OutlyingInstance{fastest->instance, fastest->bytes_per_s.value / mean};
}

std::string OutlierWords(const Incident& incident) {
  const std::vector<InstanceGrowth> instances =
      GroupInstances(incident.processes);
  const auto one = FindOutlier(instances);
  const int32_t all = incident.workload_instances;
  if (!one || all < 2 || IsItsRegion(instances, *one)) return "";
  const std::string words =
      "1 of " + std::to_string(all) + " " + InstanceKind(one->instance) +
      (InstanceKind(one->instance) == "process" ? "es: " : "s: ") +
      NameOf(one->instance) + " grows";
  const std::string others =
      all == 2 ? "the other" : "the other " + std::to_string(all - 1);
  if (one->times) return words + " " + FormatRatio(*one->times) + " " + others;
  // A rate that is not zero is no "do not", though the rule wants more.
  const auto risen = std::count_if(instances.begin(), instances.end(),
                                   [](const InstanceGrowth& i) {
                                     return !i.leaking && i.bytes_per_s.lo > 0;
                                   });
  if (risen > 0) {
    return words + "; " + std::to_string(risen) +
           (risen == 1 ? " other grows too, and is not judged a leak yet"
                       : " others grow too, and are not judged leaks yet");
  }
  return words + (all == 2 ? ", the other does not" : ", the others do not");
}

}  // namespace plimsoll::collector
