#include "collector/core/history/life_book.h"

#include <algorithm>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kAliveNs = 600 * kSecond;
constexpr int64_t kDayNs = 86400 * kSecond;
constexpr int64_t kKeepNs = 2 * kDayNs;
constexpr size_t kMostLabelSets = 200;
constexpr size_t kMostLives = 64;  // of a workload that are over
// A life that ends this near its limit was killed for it, whoever says what.
constexpr double kKilledFrom = 0.95;

// Adds what was served since the last look, over all label sets.
absl::Status ReadRequests(const FleetReader& reader, int64_t from_ns,
                          int64_t now_ns, KnownLife& life) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(life.info.key, metric::kRequests));
  double served = 0;
  for (size_t i = 0; i < std::min(names.size(), kMostLabelSets); ++i) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        const auto samples,
        reader.Read(life.info.key, names[i], from_ns, now_ns + 1));
    if (samples.empty()) continue;
    const auto [at, fresh] =
        life.requests.try_emplace(names[i].label, samples.front());
    for (const Sample& s : samples) {
      if (s.time_ns < at->second.time_ns) continue;
      // A total that falls began anew.
      served +=
          s.value >= at->second.value ? s.value - at->second.value : s.value;
      at->second = s;
    }
  }
  life.log.AddRequests(served);
  return absl::OkStatus();
}

// Adds the bytes in use at the censuses since the last look.
absl::Status ReadUsed(const FleetReader& reader, int64_t from_ns,
                      int64_t now_ns, const std::vector<Sample>& anon,
                      KnownLife& life) {
  const ProcessKey key = life.info.key;
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto python_free,
      reader.Read(key, {metric::kFreeBytes, ""}, from_ns, now_ns + 1));
  std::vector<Sample> malloc_free;
  if (!python_free.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        malloc_free,
        reader.Read(key, {metric::kMallocFree, ""}, from_ns, now_ns + 1));
  }
  life.used.Add(life.used_memory.Add(anon, python_free, malloc_free));
  return absl::OkStatus();
}

void Fill(LifeLog& log, WorkloadLife& life) {
  log.MoveTo(life.blocks);
  life.survived_peak = log.survived_peak();
}

// Moves what `drop` names out of both vectors.
template <typename Drop>
void EraseLives(WorkloadLives& w, Drop drop) {
  size_t kept = 0;
  for (size_t i = 0; i < w.known.size(); ++i) {
    if (drop(w.known[i])) continue;
    if (kept != i) {
      w.known[kept] = std::move(w.known[i]);
      w.lives[kept] = std::move(w.lives[i]);
      w.used[kept] = std::move(w.used[i]);
    }
    ++kept;
  }
  w.known.resize(kept);
  w.lives.resize(kept);
  w.used.resize(kept);
}

}  // namespace

absl::Status LifeBook::Update(const FleetReader& reader, int64_t now_ns) {
  const int64_t since = now_ns - (read_before_ ? kAliveNs : kDayNs);
  PLIMSOLL_ASSIGN_OR_RETURN(const auto processes, reader.Processes(since));
  read_before_ = true;
  absl::Status first;
  for (const ProcessInfo& info : processes) {
    first.Update(Read(reader, info, now_ns));
  }
  Retire(now_ns);
  return first;
}

absl::Status LifeBook::Read(const FleetReader& reader, const ProcessInfo& info,
                            int64_t now_ns) {
  WorkloadLives& w = workloads_[info.workload];
  auto at =
      std::find_if(w.known.begin(), w.known.end(),
                   [&](const KnownLife& k) { return k.info.key == info.key; });
  if (at == w.known.end()) {
    w.known.emplace_back();
    w.lives.emplace_back();
    w.used.emplace_back();
    at = w.known.end() - 1;
  }
  at->info = info;
  at->alive = !info.exited && info.last_seen_ns >= now_ns - kAliveNs;
  const int64_t from = std::max(at->log.newest_ns() + 1, now_ns - kDayNs);
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto samples,
      reader.Read(info.key, {metric::kAnon, ""}, from, now_ns + 1));
  at->log.Add(samples);
  PLIMSOLL_RETURN_IF_ERROR(ReadRequests(reader, from, now_ns, *at));
  PLIMSOLL_RETURN_IF_ERROR(ReadUsed(reader, from, now_ns, samples, *at));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto limits,
      reader.Read(info.key, {metric::kCgroupLimit, ""}, from, now_ns + 1));
  if (!limits.empty()) at->limit_bytes = limits.back().value;
  const auto i = static_cast<size_t>(at - w.known.begin());
  for (WorkloadLife* life : {&w.lives[i], &w.used[i]}) {
    life->start_ns =
        info.start_unix_ns > 0 ? info.start_unix_ns : at->log.first_ns();
    life->version = info.version;
  }
  Fill(at->log, w.lives[i]);
  Fill(at->used, w.used[i]);
  return absl::OkStatus();
}

void LifeBook::Retire(int64_t now_ns) {
  for (auto w = workloads_.begin(); w != workloads_.end();) {
    std::vector<int64_t> ended;
    for (size_t i = 0; i < w->second.known.size(); ++i) {
      KnownLife& k = w->second.known[i];
      if (k.log.newest_ns() < now_ns - kAliveNs) k.alive = false;
      if (k.alive) continue;
      ended.push_back(k.log.newest_ns());
      WorkloadLife& life = w->second.lives[i];
      life.killed = k.limit_bytes > 0 && !life.blocks.empty() &&
                    life.blocks.back().peak >= kKilledFrom * k.limit_bytes;
      w->second.used[i].killed = life.killed;
    }
    int64_t oldest = now_ns - kKeepNs;
    if (ended.size() > kMostLives) {
      const auto nth = ended.end() - static_cast<std::ptrdiff_t>(kMostLives);
      std::nth_element(ended.begin(), nth, ended.end());
      oldest = std::max(oldest, *nth);
    }
    EraseLives(w->second, [oldest](const KnownLife& k) {
      return !k.alive && k.log.newest_ns() < oldest;
    });
    w = w->second.known.empty() ? workloads_.erase(w) : std::next(w);
  }
}

}  // namespace plimsoll::collector
