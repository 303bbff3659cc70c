#include "collector/core/types/type_watch.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

#include "collector/core/types/type_names.h"

namespace plimsoll::collector {
namespace {

// Steps of the newest censuses that must all rise.
constexpr size_t kLateSteps = 3;
// Floors: fewest censuses, and the share of the gain in their first two thirds.
constexpr size_t kFloorLooks = 8;
constexpr double kEarlyShare = 0.3;
// Growth of an application's own class counts this many times in the contest
// for a place: it is the one that people can act on.
constexpr double kApplicationWeight = 8;
// A step down within the first is none; a gain within the second is none: many
// types are looked at many times.
constexpr double kStepSigmas = 1.96;
constexpr double kGainSigmas = 3;

uint64_t HashOf(const std::string& name) {
  return std::hash<std::string>()(name);
}

// The standard error of a difference.
double ErrorOf(const TypeLook& a, const TypeLook& b) {
  return std::hypot(a.objects_error, b.objects_error);
}

bool IsNoise(double gain, const TypeLook& first, const TypeLook& last) {
  const double error = ErrorOf(first, last);
  return error > 0 && gain <= kGainSigmas * error;
}

// How much a type deserves to be followed.
double Score(const std::string& type, double objects, double bytes) {
  const double weight =
      TypeOrigin(type) == Origin::kApplication ? kApplicationWeight : 1;
  return weight * (bytes + objects);  // a byte an object breaks ties
}

}  // namespace

TypeWatch::TypeWatch(const ImminentThresholds& thresholds)
    : thresholds_(thresholds) {}

const TypeWatch::FirstLook* TypeWatch::Find(uint64_t name_hash) const {
  const auto at = std::lower_bound(
      first_.begin(), first_.end(), name_hash,
      [](const FirstLook& f, uint64_t h) { return f.name_hash < h; });
  return at != first_.end() && at->name_hash == name_hash ? &*at : nullptr;
}

void TypeWatch::AddCensus(double t_s,
                          const std::vector<TypeObservation>& types) {
  if (censuses_++ == 0) {
    first_s_ = t_s;
    for (const TypeObservation& t : types) {
      first_.push_back({HashOf(t.type), static_cast<float>(t.objects),
                        static_cast<float>(t.bytes),
                        static_cast<float>(t.objects_error)});
    }
    std::sort(first_.begin(), first_.end(),
              [](const FirstLook& a, const FirstLook& b) {
                return a.name_hash < b.name_hash;
              });
    return;
  }
  Follow(types, t_s);
}

void TypeWatch::Follow(const std::vector<TypeObservation>& types, double t_s) {
  struct Candidate {
    double score;
    const TypeObservation* now;
    FirstLook first;
  };
  std::vector<Candidate> candidates;
  for (const TypeObservation& t : types) {
    // A type past the cut of the first census counts from zero: it was smaller
    // than every type in it.
    const FirstLook* found = Find(HashOf(t.type));
    const FirstLook first = found ? *found : FirstLook{};
    const double score =
        Score(t.type, t.objects - first.objects, t.bytes - first.bytes);
    if (score > 0) candidates.push_back({score, &t, first});
  }
  const size_t keep =
      std::min(candidates.size(), static_cast<size_t>(thresholds_.max_types));
  std::partial_sort(
      candidates.begin(),
      candidates.begin() + static_cast<std::ptrdiff_t>(keep), candidates.end(),
      [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  candidates.resize(keep);
  std::vector<TypeHistory> next;
  next.reserve(keep);
  for (const Candidate& c : candidates) {
    const auto old = std::find_if(
        followed_.begin(), followed_.end(),
        [&](const TypeHistory& h) { return h.type == c.now->type; });
    TypeHistory history;
    if (old != followed_.end()) {
      history = std::move(*old);
    } else {
      history.type = c.now->type;
      history.looks.push_back(
          {first_s_, c.first.objects, c.first.bytes, c.first.objects_error});
    }
    history.looks.push_back(
        {t_s, c.now->objects, c.now->bytes, c.now->objects_error});
    if (history.looks.size() > static_cast<size_t>(thresholds_.max_censuses)) {
      history.looks.erase(history.looks.begin());
    }
    next.push_back(std::move(history));
  }
  followed_ = std::move(next);
}

bool TypeWatch::IsRising(const TypeHistory& history, double since_s) const {
  if (Rises(history, &TypeLook::objects, since_s)) return true;
  const bool counted =
      std::all_of(history.looks.begin(), history.looks.end(),
                  [](const TypeLook& l) { return l.objects_error == 0; });
  return counted && Rises(history, &TypeLook::bytes, since_s);
}

bool TypeWatch::Rises(const TypeHistory& history, double TypeLook::*of,
                      double since_s) const {
  const auto& all = history.looks;
  const auto begin =
      std::find_if(all.begin(), all.end(),
                   [&](const TypeLook& l) { return l.t_s >= since_s; });
  const auto looks = std::span(begin, all.end());
  if (looks.size() < static_cast<size_t>(thresholds_.min_censuses)) {
    return false;
  }
  const size_t steps = looks.size() - 1;
  size_t rising = 0;
  for (size_t i = 1; i <= steps; ++i) {
    const double noise = kStepSigmas * ErrorOf(looks[i], looks[i - 1]);
    const double step = looks[i].*of - looks[i - 1].*of;
    const bool up = noise > 0 ? step > -noise : step > 0;
    if (!up && i + kLateSteps > steps) return false;
    rising += up ? 1 : 0;
  }
  if (static_cast<double>(rising) <
      thresholds_.min_rising_share * static_cast<double>(steps)) {
    return false;
  }
  const TypeLook& first = looks.front();
  const TypeLook& last = looks.back();
  const TypeLook& late = looks[steps - 2];
  const double gain = last.*of - first.*of;
  if (gain < thresholds_.min_type_gain * first.*of) return false;
  if (IsNoise(gain, first, last)) return false;
  const double slope = gain / std::max(last.t_s - first.t_s, 1e-9);
  const double late_slope =
      (last.*of - late.*of) / std::max(last.t_s - late.t_s, 1e-9);
  // The late part, too, may be low by its error.
  const double late_noise =
      kStepSigmas * ErrorOf(last, late) / std::max(last.t_s - late.t_s, 1e-9);
  return late_slope + late_noise >= thresholds_.min_late_slope * slope;
}

bool TypeWatch::IsFloorRising(const TypeHistory& history) const {
  const auto& looks = history.looks;
  if (looks.size() < kFloorLooks) return false;
  // The lowest that was seen from each look on.
  std::vector<double> floor(looks.size());
  double lowest = looks.back().objects;
  for (size_t i = looks.size(); i-- > 0;) {
    lowest = std::min(lowest, looks[i].objects);
    floor[i] = lowest;
  }
  const size_t n = looks.size() - 1;
  const double gain = floor[n] - floor[0];
  if (gain <= thresholds_.min_type_gain * floor[0]) return false;
  if (IsNoise(gain, looks.front(), looks.back())) return false;
  // A saw without growth has it all in its last tooth.
  return floor[n / 3] > floor[0] && floor[2 * n / 3] > floor[n / 3] &&
         floor[2 * n / 3] - floor[0] >= kEarlyShare * gain;
}

std::vector<const TypeHistory*> TypeWatch::Rising(double since_s) const {
  std::vector<const TypeHistory*> rising;
  for (const TypeHistory& h : followed_) {
    if (IsRising(h, since_s)) rising.push_back(&h);
  }
  return rising;
}

std::vector<const TypeHistory*> TypeWatch::FloorRising() const {
  std::vector<const TypeHistory*> rising;
  for (const TypeHistory& h : followed_) {
    if (IsFloorRising(h)) rising.push_back(&h);
  }
  return rising;
}

bool TypeWatch::AnyRising(double since_s) const {
  return std::any_of(
      followed_.begin(), followed_.end(),
      [&](const TypeHistory& h) { return IsRising(h, since_s); });
}

}  // namespace plimsoll::collector
