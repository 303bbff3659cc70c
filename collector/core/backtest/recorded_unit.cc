#include "collector/core/backtest/recorded_unit.h"

#include <algorithm>
#include <numeric>

#include "collector/core/backtest/workload_of_pod.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kMsPerTick = 100;
constexpr int64_t kNsPerTick = 100'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr double kLatestStart_s = 8e9;  // fits nanoseconds
// Two signs of one restart are no further apart.
constexpr int64_t kSameRestartNs = 120 * kSecond;
// Without a start time: a restart falls by this share at least, to about where
// the life before began.
constexpr double kRestartFall = 0.4;
constexpr double kNearBeginning = 1.15;
// A series that is silent this long before the end of the recording ended.
constexpr int64_t kSilentNs = 300 * kSecond;
// A first sample this long after the recording began is a birth.
constexpr int64_t kBirthNs = 600 * kSecond;

// Unix times at which a life ends and the next begins.
std::vector<int64_t> StartsSeen(const RecordedStream& start_time) {
  std::vector<int64_t> starts;
  double before = 0;
  for (size_t i = 0; i < start_time.size(); ++i) {
    const double start = start_time.value(i);
    if (!(start > 0 && start < kLatestStart_s)) continue;
    const int64_t at =
        std::min(static_cast<int64_t>(start * 1e9), start_time.time_ns(i));
    if (before > 0 && start > before + 1) starts.push_back(at);
    before = start;
  }
  return starts;
}

std::vector<int64_t> RestartsCounted(const RecordedStream& restarts) {
  std::vector<int64_t> at;
  for (size_t i = 1; i < restarts.size(); ++i) {
    if (restarts.value(i) > restarts.value(i - 1)) {
      at.push_back(restarts.time_ns(i));
    }
  }
  return at;
}

std::vector<int64_t> FallsToTheBeginning(const RecordedStream& memory) {
  std::vector<int64_t> at;
  if (memory.empty()) return at;
  double first = memory.value(0);
  for (size_t i = 1; i < memory.size(); ++i) {
    const double before = memory.value(i - 1), now = memory.value(i);
    if (now < (1 - kRestartFall) * before && now <= kNearBeginning * first) {
      at.push_back(memory.time_ns(i));
      first = now;
    }
  }
  return at;
}

std::vector<int64_t> Boundaries(const RecordedUnit& unit) {
  std::vector<int64_t> all = StartsSeen(unit.start_time);
  for (int64_t t : RestartsCounted(unit.restarts)) {
    if (std::none_of(all.begin(), all.end(), [t](int64_t o) {
          return std::abs(t - o) < kSameRestartNs;
        })) {
      all.push_back(t);
    }
  }
  if (unit.start_time.empty() && unit.restarts.empty()) {
    all = FallsToTheBeginning(unit.memory());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// The start time that was recorded within a life, or what is known without.
int64_t StartOf(const RecordedUnit& unit, const RecordedLife& life,
                bool is_first, int64_t begin_ns) {
  for (size_t i = unit.start_time.LowerBound(life.from_ns);
       i < unit.start_time.size() && unit.start_time.time_ns(i) < life.to_ns;
       ++i) {
    const double start = unit.start_time.value(i);
    if (start > 0 && start < kLatestStart_s)
      return static_cast<int64_t>(start * 1e9);
  }
  if (!is_first) return life.from_ns;
  const int64_t first = life.info.first_seen_ns;
  return first > begin_ns + kBirthNs ? first : 0;
}

void Take(RecordedStream& mine, RecordedStream& other) {
  if (mine.empty()) std::swap(mine, other);
}
void Take(std::string& mine, const std::string& other) {
  if (mine.empty()) mine = other;
}

// The sum of counters as one that never falls.
RecordedStream SumOf(const std::deque<RecordedStream>& counters) {
  std::vector<std::pair<int64_t, double>> steps;
  for (const RecordedStream& c : counters) {
    for (size_t i = 0; i < c.size(); ++i) {
      const double step = i == 0 ? c.value(0) : c.value(i) - c.value(i - 1);
      // A fall is a reset: what it shows has come since.
      steps.emplace_back(c.time_ns(i), step < 0 ? c.value(i) : step);
    }
  }
  std::stable_sort(
      steps.begin(), steps.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  RecordedStream sum;
  double total = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    total += steps[i].second;
    if (i + 1 < steps.size() && steps[i + 1].first == steps[i].first) continue;
    sum.Add(steps[i].first / 1'000'000, total);
  }
  return sum;
}

}  // namespace

void RecordedStream::Add(int64_t time_ms, double value) {
  if (values_.empty()) base_ms_ = time_ms;
  const int64_t since = time_ms - base_ms_;
  const int64_t ticks =
      (since >= 0 ? since : since - kMsPerTick + 1) / kMsPerTick;
  // What is seven years from the first sample is not of this history.
  if (ticks < INT32_MIN || ticks > INT32_MAX) return;
  times_.push_back(static_cast<int32_t>(ticks));
  values_.push_back(value);
  newest_ms = time_ms;
}

void RecordedStream::Sort() {
  const bool sorted =
      std::adjacent_find(times_.begin(), times_.end(),
                         std::greater_equal<>()) == times_.end();
  if (sorted) return;
  std::vector<size_t> order(times_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [this](size_t a, size_t b) {
    return times_[a] < times_[b];
  });
  std::vector<int32_t> times;
  std::vector<double> values;
  for (size_t i : order) {
    if (!times.empty() && times.back() == times_[i]) {
      values.back() = values_[i];
    } else {
      times.push_back(times_[i]);
      values.push_back(values_[i]);
    }
  }
  times_ = std::move(times);
  values_ = std::move(values);
}

size_t RecordedStream::Thin(int64_t least_spacing_ms) {
  Sort();
  size_t kept = 0;
  for (size_t i = 0; i < times_.size(); ++i) {
    const int64_t gap =
        kept == 0 ? INT64_MAX
                  : (int64_t{times_[i]} - times_[kept - 1]) * kMsPerTick;
    if (gap < least_spacing_ms) continue;
    times_[kept] = times_[i];
    values_[kept++] = values_[i];
  }
  const size_t gone = times_.size() - kept;
  times_.resize(kept);
  values_.resize(kept);
  times_.shrink_to_fit();
  values_.shrink_to_fit();
  return gone;
}

int64_t RecordedStream::time_ns(size_t i) const {
  return base_ms_ * 1'000'000 + int64_t{times_[i]} * kNsPerTick;
}

size_t RecordedStream::LowerBound(int64_t time_ns) const {
  return static_cast<size_t>(
      std::partition_point(
          times_.begin(), times_.end(),
          [&](const int32_t& t) {
            return base_ms_ * 1'000'000 + int64_t{t} * kNsPerTick < time_ns;
          }) -
      times_.begin());
}

std::vector<Sample> RecordedStream::Between(int64_t from_ns,
                                            int64_t to_ns) const {
  std::vector<Sample> out;
  const size_t from = LowerBound(from_ns), to = LowerBound(to_ns);
  if (from >= to) return out;
  out.reserve(to - from);
  for (size_t i = from; i < to; ++i) out.push_back({time_ns(i), values_[i]});
  return out;
}

const RecordedStream& RecordedUnit::memory() const {
  for (const RecordedStream* s : {&anon, &rss, &process_rss}) {
    if (!s->empty()) return *s;
  }
  return working_set;
}

void RecordedUnit::Finish() {
  for (RecordedStream* s : {&anon, &rss, &process_rss, &working_set, &limit,
                            &start_time, &restarts}) {
    s->Sort();
  }
  for (auto& [name, stream] : own) stream.Sort();
  for (auto& [label, streams] : counters) {
    for (RecordedStream& s : streams) s.Sort();
    requests[label] = SumOf(streams);
    streams.clear();
  }
}

void RecordedUnit::Adopt(RecordedUnit& other) {
  Take(workload, other.workload);
  Take(region, other.region);
  Take(version, other.version);
  Take(limit, other.limit);
  Take(start_time, other.start_time);
  Take(restarts, other.restarts);
  if (counters.empty()) counters = std::move(other.counters);
}

std::vector<RecordedLife> LivesOf(const RecordedUnit& unit, int64_t begin_ns,
                                  int64_t end_ns) {
  const RecordedStream& memory = unit.memory();
  std::vector<RecordedLife> lives;
  std::vector<int64_t> bounds = Boundaries(unit);
  bounds.push_back(INT64_MAX);
  int64_t from = INT64_MIN;
  for (const int64_t to : bounds) {
    const size_t first = from == INT64_MIN ? 0 : memory.LowerBound(from);
    const size_t past = to == INT64_MAX ? memory.size() : memory.LowerBound(to);
    if (first < past) {
      RecordedLife life;
      life.unit = &unit;
      life.from_ns = from;
      life.to_ns = to;
      ProcessInfo& info = life.info;
      info.first_seen_ns = memory.time_ns(first);
      info.last_seen_ns = memory.time_ns(past - 1);
      info.start_unix_ns = StartOf(unit, life, lives.empty(), begin_ns);
      info.agent_id = "recording";
      info.pid = 1;
      info.workload.ns = unit.name.ns;
      info.workload.name =
          unit.workload.empty() ? WorkloadOfPod(unit.name.pod) : unit.workload;
      info.pod = unit.name.pod;
      info.container = unit.name.container;
      info.region = unit.region;
      info.version = unit.version;
      life.ended = to != INT64_MAX || info.last_seen_ns + kSilentNs < end_ns;
      lives.push_back(std::move(life));
    }
    from = to;
  }
  return lives;
}

}  // namespace plimsoll::collector
