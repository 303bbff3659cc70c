#include "collector/core/growth/growth_over_version.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "collector/core/history/life_rise.h"

namespace plimsoll::collector {
namespace {

// The longest that holds has the best rate.
constexpr std::array<double, 4> kWindows_s = {6000, 4000, 2700,
                                              kVersionShortest_s};
constexpr double kBlock_s = 300;
constexpr int64_t kSilentNs = 600'000'000'000;
// Past it the lives have a shape of their own.
constexpr double kMostAge_s = 8 * 3600;
constexpr size_t kFewestPods = 2, kFewestBefore = 2;
constexpr double kLeastOfPods = 0.5;
// Slower growth has the time to be judged by its own shape; and load, which
// those before may not have seen at this hour, seldom lifts so fast.
constexpr double kMostLeft_s = 2 * 86400;
// Of the growth: lives before that gained more at that age had it too
// (version_onset.h); what they rose at the most is noise and load as well.
constexpr double kNotBefore = 0.35, kMostBefore = 0.5;
// They were seen for so many windows, and so long, all together.
constexpr double kWindowsBefore = 4, kSeenBefore_s = 2 * 3600;
// Of the rise: the last of two steps, and the lesser in each life. Even growth
// has a half in each, a fill little in the last, a jump all in one.
constexpr double kLeastLast = 0.35, kLeastLesser = 0.15;
// Of the pace: so much from the settled age on, and up to the window.
constexpr double kLeastEarly = 0.45;
// Of the mean: so much in each of them.
constexpr double kLeastAlike = 0.5;
constexpr double kInflation = 1.4;  // as the judgement's
constexpr double kNormal95 = 1.96;
// Each life rises by more than most windows of those before it.
constexpr double kDeviations = 2;
constexpr double kLeastError = 0.025;  // of the rate

std::map<std::string, int64_t> FirstStarts(
    const std::vector<VersionLife>& lives) {
  std::map<std::string, int64_t> starts;
  for (const VersionLife& l : lives) {
    if (l.life->version.empty()) continue;
    const auto [at, fresh] =
        starts.try_emplace(l.life->version, l.life->start_ns);
    at->second = std::min(at->second, l.life->start_ns);
  }
  return starts;
}

// The one that began last before a time.
std::string VersionBefore(const std::map<std::string, int64_t>& starts,
                          int64_t start_ns) {
  std::pair<int64_t, std::string> last;
  for (const auto& [version, start] : starts) {
    if (start < start_ns) last = std::max(last, {start, version});
  }
  return last.second;
}

// A life of the version in question that was seen for the whole window.
struct Candidate {
  size_t at = 0;
  LifeRise rise;
};

// One version beside those before it, over one window.
class Comparison {
 public:
  Comparison(const std::vector<VersionLife>& lives, std::string version,
             int64_t first_start_ns,
             const std::map<std::string, int64_t>& starts, double window_s,
             int64_t now_ns)
      : lives_(lives), window_s_(window_s) {
    for (size_t i = 0; i < lives.size(); ++i) {
      const WorkloadLife& life = *lives[i].life;
      if (life.version.empty() || life.blocks.empty()) continue;
      if (life.version == version) {
        AddCandidate(i, now_ns);
      } else if (starts.at(life.version) < first_start_ns) {
        before_.push_back(i);
      }
    }
    for (const Candidate& c : candidates_) {
      requests_per_s_ +=
          RequestsPerSecond(lives_[c.at], c.rise.from_s, window_s) /
          static_cast<double>(candidates_.size());
    }
  }

  // The first reason that speaks against it, or "" and what grows.
  std::string Ask(OverVersion& out) {
    if (PodsOf(candidates_) < kFewestPods) {
      return "fewer than two of its pods are old enough";
    }
    std::vector<Candidate> rising;
    for (const Candidate& c : candidates_) {
      if (IsMaterial(c)) rising.push_back(c);
    }
    if (PodsOf(rising) < kFewestPods) return "the limit is far away";
    std::vector<Candidate> known;
    for (const Candidate& c : rising) {
      if (IsKnown(BeforeAt(c))) known.push_back(c);
    }
    if (PodsOf(known) < kFewestPods) {
      return "too little was seen of versions before it at that age";
    }
    std::vector<Candidate> over;
    for (const Candidate& c : known) {
      const LivesBefore& before = BeforeAt(c);
      if (c.rise.bytes_per_s() >
          before.middle + kDeviations * before.deviation) {
        over.push_back(c);
      }
    }
    KeepAlike(over);
    if (PodsOf(over) < kFewestPods ||
        static_cast<double>(PodsOf(over)) <
            kLeastOfPods * static_cast<double>(pods_.size())) {
      return "lives before it rose as much";
    }
    std::string against = AgainstAll(over);
    if (!against.empty()) return against;
    for (const Candidate& c : over) out.growing.push_back(GrowingOf(c));
    FillOnset(over, out.onset);
    return "";
  }

 private:
  void AddCandidate(size_t at, int64_t now_ns) {
    const WorkloadLife& life = *lives_[at].life;
    const MemoryBlock& last = life.blocks.back();
    const double age = AgeOf(life, last);
    // The newest block is the last in it.
    if (!lives_[at].alive || last.time_ns < now_ns - kSilentNs ||
        age > kMostAge_s || age + 1 < kVersionSettle_s + kVersionShortest_s) {
      return;
    }
    pods_.insert(lives_[at].pod);
    const double from_s = age + 1 - window_s_;
    if (from_s < kVersionSettle_s) return;
    if (const auto rise = RiseOf(life, from_s, window_s_)) {
      candidates_.push_back({at, *rise});
    }
  }

  size_t PodsOf(const std::vector<Candidate>& some) const {
    std::set<std::string> pods;
    for (const Candidate& c : some) pods.insert(lives_[c.at].pod);
    return pods.size();
  }

  // What grows much slower than most is not the same growth.
  static void KeepAlike(std::vector<Candidate>& some) {
    double mean = 0;
    for (const Candidate& c : some) {
      mean += c.rise.bytes_per_s() / static_cast<double>(some.size());
    }
    std::erase_if(some, [&](const Candidate& c) {
      return c.rise.bytes_per_s() < kLeastAlike * mean;
    });
  }

  bool IsMaterial(const Candidate& c) const {
    const double rate = c.rise.bytes_per_s();
    return rate > 0 && lives_[c.at].left_bytes < rate * kMostLeft_s;
  }

  bool IsKnown(const LivesBefore& before) const {
    return before.at_age >= kFewestBefore &&
           before.seen_s >= std::max(kWindowsBefore * window_s_, kSeenBefore_s);
  }

  const LivesBefore& BeforeAt(const Candidate& c) {
    const double from_s = c.rise.from_s;
    const auto [at, fresh] =
        known_before_.try_emplace(static_cast<int64_t>(from_s / kBlock_s));
    if (fresh) {
      at->second =
          LookBefore(lives_, before_, from_s, window_s_, requests_per_s_);
    }
    return at->second;
  }

  // Over what those before it gained, from the settled age on: the lesser of
  // the first half hour and of all up to the window.
  double PaceAtFirst(const std::vector<Candidate>& over) {
    double first = 0, up_to = 0, lives = 0, older = 0;
    for (const Candidate& c : over) {
      const WorkloadLife& life = *lives_[c.at].life;
      const double early = BeforeAt(c).early;
      if (const auto rise = BeginningOf(life)) {
        first += rise->bytes_per_s() - early, lives += 1;
      }
      const double span_s = c.rise.from_s - kVersionSettle_s;
      if (span_s < kVersionShortest_s) continue;
      if (const auto rise = RiseOf(life, kVersionSettle_s, span_s)) {
        up_to += rise->bytes_per_s(), older += 1;
      }
    }
    if (lives == 0) return 0;
    return older == 0 ? first / lives : std::min(first / lives, up_to / older);
  }

  // Of those that grow all together.
  std::string AgainstAll(const std::vector<Candidate>& over) {
    const double n = static_cast<double>(over.size());
    double rate = 0, most = 0, most_of_rest = 0, at_age = 0;
    double rise = 0, last = 0, lesser = 0;
    double highest = 0;
    for (const Candidate& c : over) {
      const LivesBefore& before = BeforeAt(c);
      rate += c.rise.bytes_per_s() / n;
      highest = std::max(highest, c.rise.bytes_per_s());
      most += before.MostTogether(over.size()) / n;
      most_of_rest += before.MostTogether(over.size() - 1) / n;
      at_age += before.rate / n;
      const double one = c.rise.step_bytes(0) - before.steps_bytes[0];
      const double two = c.rise.step_bytes(1) - before.steps_bytes[1];
      rise += one + two, last += two, lesser += std::min(one, two);
    }
    if (most > kMostBefore * rate || at_age > kNotBefore * rate) {
      return "lives before it rose as fast";
    }
    // Without the fastest of them: it may be that one's own.
    if ((n * rate - highest) / (n - 1) < most_of_rest) {
      return "one of them grows, the others hardly";
    }
    if (rise <= 0 || last < kLeastLast * rise) return "it does not go on";
    if (lesser < kLeastLesser * rise) return "it came in one step";
    const double pace = rise / (2.0 / 3 * window_s_ * n);
    return PaceAtFirst(over) < kLeastEarly * pace
               ? "it began later than the version"
               : "";
  }

  OverVersion::Growing GrowingOf(const Candidate& c) {
    const LivesBefore& before = BeforeAt(c);
    const double rate = c.rise.bytes_per_s();
    // Less what they surely gained then: the noise of few is no growth.
    const double few = 1 / std::sqrt(static_cast<double>(before.at_age));
    const double sure = before.rate - kNormal95 * before.deviation * few;
    const double over = rate - std::max(0.0, sure);
    const double error =
        std::max(kInflation * before.deviation, kLeastError * std::abs(over));
    const double half = kNormal95 * error * (1 + few * few);
    OverVersion::Growing out;
    out.at = c.at;
    out.bytes_per_s = {over, over - half, over + half};
    out.z = over / error;
    return out;
  }

  // The means of both sides, at the same ages.
  void FillOnset(const std::vector<Candidate>& over, VersionOnset& onset) {
    const double n = static_cast<double>(over.size());
    double now = 0, before = 0, now_error = 0, before_error = 0, lives = 0;
    for (const Candidate& c : over) {
      const LivesBefore& b = BeforeAt(c);
      const double error = kNormal95 * kInflation * b.deviation / n;
      now += c.rise.bytes_per_s() / n;
      now_error += error * error;
      before += b.rate / n;
      lives = static_cast<double>(b.at_age);
      before_error += error / std::sqrt(lives);
      onset.to_age_s = std::max(onset.to_age_s, c.rise.from_s + window_s_);
    }
    onset.from_age_s = onset.to_age_s - window_s_;
    onset.lives = static_cast<int32_t>(over.size());
    onset.lives_before = static_cast<int32_t>(lives);
    onset.growth = {now, now - std::sqrt(now_error),
                    now + std::sqrt(now_error)};
    onset.growth_before = {before, before - before_error,
                           before + before_error};
    onset.not_before = true;
  }

  const std::vector<VersionLife>& lives_;
  const double window_s_;
  std::vector<Candidate> candidates_;
  std::set<std::string> pods_;  // that are old enough for the least window
  std::vector<size_t> before_;
  double requests_per_s_ = 0;                    // of a candidate
  std::map<int64_t, LivesBefore> known_before_;  // by age, in blocks
};

}  // namespace

OverVersion AskVersionsBefore(const std::vector<VersionLife>& lives,
                              int64_t now_ns) {
  OverVersion out;
  const auto starts = FirstStarts(lives);
  std::vector<std::pair<int64_t, std::string>> newest_first;
  for (const auto& [version, start] : starts) {
    newest_first.emplace_back(start, version);
  }
  std::sort(newest_first.rbegin(), newest_first.rend());
  out.why_not = "no version before it is known";
  if (newest_first.size() < 2) return out;
  newest_first.pop_back();
  std::string first_reason;
  for (const auto& [start, version] : newest_first) {
    for (const double window_s : kWindows_s) {
      Comparison comparison(lives, version, start, starts, window_s, now_ns);
      out.why_not = comparison.Ask(out);
      if (out.why_not.empty()) {
        out.window_s = window_s;
        out.onset.version = version;
        out.onset.before = VersionBefore(starts, start);
        out.onset.began_ns = start;
        out.onset.at_ns = now_ns;
        return out;
      }
    }
    if (first_reason.empty()) first_reason = out.why_not;
  }
  out.why_not = first_reason;
  return out;
}

}  // namespace plimsoll::collector
