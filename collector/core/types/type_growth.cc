#include "collector/core/types/type_growth.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "collector/core/stats/random_effects.h"
#include "collector/core/types/type_names.h"

namespace plimsoll::collector {
namespace {

// A class counts as the owner of builtins that rise by a whole number each.
constexpr int kMostPerObject = 8;
constexpr double kInStep = 0.08;
// An application class with less than this of the growth, together with what
// it owns, and fewer objects than this of the fastest type, is an onlooker.
constexpr double kOnlookerShare = 0.02;
constexpr double kOnlookerObjects = 0.01;
// Of the growth: what rises steadily explains it; what grew in lumps is named.
constexpr double kMostOfGrowth = 0.5, kMuchOfGrowth = 0.25;

// Over all processes: where a type rests for a moment in one of them, the
// others must not be all that is counted, as the sum is divided by all.
std::map<std::string, GrowingType> SumByType(
    const std::vector<std::vector<TypeTrend>>& by_process) {
  std::map<std::string, GrowingType> sums;
  for (const auto& process : by_process) {
    for (const TypeTrend& trend : process) {
      auto [at, fresh] = sums.try_emplace(trend.type);
      GrowingType& sum = at->second;
      if (fresh) {
        sum.type = trend.type;
        sum.builtin = TypeOrigin(trend.type) == Origin::kBuiltin;
        sum.objects_per_s = trend.objects_per_s;
        sum.bytes_per_s = trend.bytes_per_s;
      } else {
        sum.objects_per_s = SumOf({sum.objects_per_s, trend.objects_per_s});
        sum.bytes_per_s = SumOf({sum.bytes_per_s, trend.bytes_per_s});
      }
    }
  }
  return sums;
}

// Those that rise in one process at least. What leaks a thousand at a time,
// now and then, rests between: where the others leave most of the growth
// unexplained, a type that surely grew by much of it is one of them.
std::vector<GrowingType> ThoseThatRise(
    const std::vector<std::vector<TypeTrend>>& by_process,
    double growth_bytes_per_s) {
  std::set<std::string> rising;
  for (const auto& process : by_process) {
    for (const TypeTrend& trend : process) {
      if (trend.rising) rising.insert(trend.type);
    }
  }
  std::map<std::string, GrowingType> sums = SumByType(by_process);
  double explained = 0;
  for (const auto& [name, type] : sums) {
    if (rising.contains(name)) explained += type.bytes_per_s.value;
  }
  const bool enough = explained >= kMostOfGrowth * growth_bytes_per_s;
  std::vector<GrowingType> types;
  for (auto& [name, type] : sums) {
    const bool lumps =
        !enough && type.objects_per_s.lo > 0 &&
        type.bytes_per_s.value >= kMuchOfGrowth * growth_bytes_per_s;
    if (rising.contains(name) || lumps) types.push_back(std::move(type));
  }
  return types;
}

// How many of `part` come with each `owner`; 0 when they are not in step.
int PerObject(const GrowingType& owner, const GrowingType& part) {
  if (owner.objects_per_s.value <= 0) return 0;
  const double ratio = part.objects_per_s.value / owner.objects_per_s.value;
  const double whole = std::round(ratio);
  if (whole < 1 || whole > kMostPerObject) return 0;
  return std::abs(ratio - whole) <= kInStep * whole ? static_cast<int>(whole)
                                                    : 0;
}

// How near to people a type is: an application's class, its code that waits in
// a coroutine, a library's class, a builtin.
int Nearness(const GrowingType& t) {
  if (TypeOrigin(t.type) == Origin::kApplication) return 0;
  if (IsSuspendedCode(t.type)) return 1;
  return TypeOrigin(t.type) == Origin::kLibrary ? 2 : 3;
}

// What `part` comes with, the nearest first. What is further off may come once
// with each; of two that are as near, which owns the other can be told only
// where one comes several times.
std::vector<GrowingType>::iterator OwnerOf(std::vector<GrowingType>& types,
                                           const GrowingType& part,
                                           const std::set<std::string>& said) {
  const int mine = Nearness(part);
  for (int near = 0; near <= std::min(mine, 2); ++near) {
    const auto owner =
        std::find_if(types.begin(), types.end(), [&](const GrowingType& t) {
          return &t != &part && !said.contains(t.type) && Nearness(t) == near &&
                 PerObject(t, part) >= (near == mine ? 2 : 1);
        });
    if (owner != types.end()) return owner;
  }
  return types.end();
}

void RollUp(std::vector<GrowingType>& types) {
  std::sort(types.begin(), types.end(),
            [](const GrowingType& a, const GrowingType& b) {
              return a.objects_per_s.value > b.objects_per_s.value;
            });
  std::set<std::string> said;  // with its owner
  for (GrowingType& part : types) {
    const auto owner = OwnerOf(types, part, said);
    if (owner == types.end()) continue;
    owner->rolled_up.push_back(std::to_string(PerObject(*owner, part)) + " " +
                               part.type);
    owner->bytes_per_s = SumOf({owner->bytes_per_s, part.bytes_per_s});
    said.insert(part.type);
  }
  // Existing objects may grow without becoming more.
  std::erase_if(types, [&](const GrowingType& t) {
    return said.contains(t.type) ||
           (t.objects_per_s.value <= 0 && t.bytes_per_s.value <= 0);
  });
}

}  // namespace

std::optional<TypeTrend> TrendOfType(const TypeHistory& history) {
  Epoch objects, bytes;
  for (const TypeLook& look : history.looks) {
    objects.push_back({look.t_s, look.objects});
    bytes.push_back({look.t_s, look.bytes});
  }
  const auto object_slope = FitSlopeOnly(objects, 1.0);
  const auto byte_slope = FitSlopeOnly(bytes, 1.0);
  if (!object_slope || !byte_slope) return std::nullopt;
  return TypeTrend{history.type, *object_slope, *byte_slope};
}

std::vector<GrowingType> RankTypes(
    const std::vector<std::vector<TypeTrend>>& by_process,
    double growth_bytes_per_s) {
  std::vector<GrowingType> types =
      ThoseThatRise(by_process, growth_bytes_per_s);
  RollUp(types);
  double fastest = 0, all_bytes = 0;
  for (const GrowingType& t : types) {
    fastest = std::max(fastest, t.objects_per_s.value);
    all_bytes += std::max(0.0, t.bytes_per_s.value);
  }
  const double growth = growth_bytes_per_s > 0 ? growth_bytes_per_s : all_bytes;
  for (GrowingType& t : types) {
    t.share =
        growth > 0 ? std::clamp(t.bytes_per_s.value / growth, 0.0, 1.0) : 0;
  }
  const auto rank = [&](const GrowingType& t) {
    const bool onlooker = t.share < kOnlookerShare &&
                          t.objects_per_s.value < kOnlookerObjects * fastest;
    if (onlooker) return 3;
    return IsSuspendedCode(t.type) ? 0 : static_cast<int>(TypeOrigin(t.type));
  };
  std::stable_sort(types.begin(), types.end(),
                   [&](const GrowingType& a, const GrowingType& b) {
                     const int ra = rank(a), rb = rank(b);
                     if (ra != rb) return ra < rb;
                     if (a.bytes_per_s.value != b.bytes_per_s.value) {
                       return a.bytes_per_s.value > b.bytes_per_s.value;
                     }
                     return a.type < b.type;
                   });
  return types;
}

void DivideTypes(double instances, std::vector<GrowingType>& types) {
  for (GrowingType& t : types) {
    t.objects_per_s = Scaled(t.objects_per_s, 1 / instances);
    t.bytes_per_s = Scaled(t.bytes_per_s, 1 / instances);
  }
}

}  // namespace plimsoll::collector
