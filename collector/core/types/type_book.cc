#include "collector/core/types/type_book.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "collector/core/types/type_names.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNewestNs = 1800 * kSecond;  // a census is no older
constexpr int64_t kDayNs = 86400 * kSecond;
constexpr int64_t kLookNs = 300 * kSecond;
// Growth of an application's own class counts so many times in the contest for
// a place, as in TypeWatch; one that has a place keeps it against a little
// more.
constexpr double kApplicationWeight = 8, kHasAPlace = 1.5;

absl::StatusOr<BytesByType> NewestCensus(const FleetReader& reader,
                                         ProcessKey process, int64_t now_ns) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(process, metric::kTypeBytes));
  BytesByType census;
  int64_t newest = 0;
  std::vector<int64_t> times;
  for (const SeriesName& name : names) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        const auto samples,
        reader.Read(process, name, now_ns - kNewestNs, now_ns + 1));
    if (samples.empty()) continue;
    census.emplace_back(name.label, samples.back().value);
    times.push_back(samples.back().time_ns);
    newest = std::max(newest, times.back());
  }
  // What the newest does not name has fallen out of it.
  size_t kept = 0;
  for (size_t i = 0; i < census.size(); ++i) {
    if (times[i] != newest) continue;
    if (kept != i) census[kept] = std::move(census[i]);
    ++kept;
  }
  census.resize(kept);
  return census;
}

// Looks at so many workloads are spread over the half hour.
int64_t SpreadNs(const WorkloadName& name) {
  const size_t looks = TypeBook::kScreenNs / kLookNs;
  return static_cast<int64_t>(std::hash<std::string>()(name.ToString()) %
                              looks) *
         kLookNs;
}

// The highest scores, those that have a place already before the others.
void Choose(const std::map<std::string, double>& scores,
            std::vector<TypeLives>& types) {
  std::vector<std::pair<double, std::string>> best;
  for (const auto& [type, score] : scores) {
    const bool has = std::any_of(
        types.begin(), types.end(),
        [&name = type](const TypeLives& t) { return t.type == name; });
    best.emplace_back(score * (has ? kHasAPlace : 1), type);
  }
  std::sort(best.rbegin(), best.rend());
  if (best.size() > TypeBook::kMostTypes) best.resize(TypeBook::kMostTypes);
  std::vector<TypeLives> next;
  for (const auto& [score, type] : best) {
    const auto at = std::find_if(
        types.begin(), types.end(),
        [&name = type](const TypeLives& t) { return t.type == name; });
    if (at != types.end()) {
      next.push_back(std::move(*at));
    } else {
      next.emplace_back().type = type;
    }
  }
  types = std::move(next);
}

// As the lives are now: some have come, some are forgotten.
void Align(const WorkloadLives& lives, TypeLives& type) {
  std::vector<WorkloadLife> aligned(lives.known.size());
  std::vector<TypeLives::Source> sources(lives.known.size());
  for (size_t i = 0; i < lives.known.size(); ++i) {
    const ProcessKey key = lives.known[i].info.key;
    sources[i].process = key;
    for (size_t k = 0; k < type.sources.size(); ++k) {
      if (type.sources[k].process != key) continue;
      sources[i] = std::move(type.sources[k]);
      aligned[i] = std::move(type.lives[k]);
      break;
    }
  }
  type.lives = std::move(aligned);
  type.sources = std::move(sources);
}

bool IsAligned(const WorkloadLives& lives, const TypeLives& type) {
  if (lives.known.size() != type.sources.size()) return false;
  for (size_t i = 0; i < type.sources.size(); ++i) {
    if (type.sources[i].process != lives.known[i].info.key) return false;
  }
  return true;
}

}  // namespace

absl::Status TypeBook::Screen(const FleetReader& reader,
                              const WorkloadLives& lives,
                              double assumed_limit_bytes, int64_t now_ns,
                              Workload& w) {
  absl::Status first;
  std::map<std::string, double> scores;
  std::map<ProcessKey, TypeScreen> screens;
  for (const KnownLife& life : lives.known) {
    if (!life.alive) continue;
    const ProcessKey key = life.info.key;
    TypeScreen& screen = screens[key];
    if (const auto at = w.screens.find(key); at != w.screens.end()) {
      screen = std::move(at->second);
    }
    const auto census = NewestCensus(reader, key, now_ns);
    if (!census.ok()) {
      first.Update(census.status());
      continue;
    }
    const double limit =
        life.limit_bytes > 0 ? life.limit_bytes : assumed_limit_bytes;
    for (const auto& [type, gain] : screen.Add(now_ns, *census)) {
      if (gain < kLeastGain * limit) continue;
      const bool own = TypeOrigin(type) == Origin::kApplication;
      double& score = scores[type];
      score = std::max(score, gain / limit * (own ? kApplicationWeight : 1));
    }
  }
  w.screens = std::move(screens);
  Choose(scores, w.types);
  return first;
}

absl::Status TypeBook::ReadType(const FleetReader& reader,
                                const WorkloadLives& lives, int64_t now_ns,
                                TypeLives& type) {
  if (!IsAligned(lives, type)) Align(lives, type);
  for (size_t i = 0; i < lives.known.size(); ++i) {
    TypeLives::Source& source = type.sources[i];
    WorkloadLife& life = type.lives[i];
    life.start_ns = lives.lives[i].start_ns;
    life.version = lives.lives[i].version;
    life.killed = lives.lives[i].killed;
    // Of a life that is over all was read.
    if (source.read_to_ns >= lives.known[i].log.newest_ns()) continue;
    const int64_t from = std::max(source.log.newest_ns() + 1, now_ns - kDayNs);
    PLIMSOLL_ASSIGN_OR_RETURN(
        const auto samples,
        reader.Read(source.process, {metric::kTypeBytes, type.type}, from,
                    now_ns + 1));
    source.read_to_ns = now_ns;
    source.log.Add(samples);
    source.log.MoveTo(life.blocks);
    life.survived_peak = source.log.survived_peak();
  }
  return absl::OkStatus();
}

absl::Status TypeBook::Update(
    const FleetReader& reader,
    const std::map<WorkloadName, WorkloadLives>& workloads,
    double assumed_limit_bytes, int64_t now_ns) {
  absl::Status first;
  std::erase_if(workloads_, [&](const auto& item) {
    return !workloads.contains(item.first);
  });
  for (const auto& [name, lives] : workloads) {
    const auto [at, fresh] = workloads_.try_emplace(name);
    Workload& w = at->second;
    if (fresh || now_ns - w.screened_ns >= kScreenNs) {
      w.screened_ns = fresh ? now_ns - SpreadNs(name) : now_ns;
      first.Update(Screen(reader, lives, assumed_limit_bytes, now_ns, w));
    }
    for (TypeLives& type : w.types) {
      first.Update(ReadType(reader, lives, now_ns, type));
    }
  }
  return first;
}

const std::vector<TypeLives>& TypeBook::Of(const WorkloadName& workload) const {
  static const std::vector<TypeLives> kNone;
  const auto at = workloads_.find(workload);
  return at == workloads_.end() ? kNone : at->second.types;
}

size_t TypeBook::screened() const {
  size_t types = 0;
  for (const auto& [name, w] : workloads_) {
    for (const auto& [process, screen] : w.screens) types += screen.types();
  }
  return types;
}

}  // namespace plimsoll::collector
