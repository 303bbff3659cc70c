#include "collector/core/backtest/backtest.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collector/core/engine/engine.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// A life is seen to have ended this long after its last sample, as staleness
// is in Prometheus.
constexpr int64_t kGoneNs = 300 * kSecond;
// Gaps longer than this are no covered time.
constexpr int64_t kGapNs = 600 * kSecond;
// Between looks nobody reads an incident: its traffic is estimated anew seldom.
constexpr double kRefresh_s = 1800;

// What of an incident, when it changes, is worth a word.
struct Matter {
  bool page = false;
  Verdict cause = Verdict::kUnknown;
  std::set<std::string> regions, versions;
  std::string attributes;  // of the first cause
  Estimate rate;

  explicit Matter(const Incident& incident)
      : page(incident.page), cause(incident.cause), rate(incident.bytes_per_s) {
    for (const AffectedProcess& p : incident.processes) {
      if (!p.leaking) continue;
      regions.insert(p.region);
      versions.insert(p.version);
    }
    if (!incident.traffic.causes.empty()) {
      attributes = incident.traffic.causes.front().attributes;
    }
  }
  // The new rate is outside of what was said before.
  bool DiffersFrom(const Matter& before) const {
    return page != before.page || cause != before.cause ||
           regions != before.regions || versions != before.versions ||
           attributes != before.attributes || rate.value < before.rate.lo ||
           rate.value > before.rate.hi;
  }
};

class Listener {
 public:
  explicit Listener(const std::function<void(const Said&)>& said)
      : said_(said) {}

  void Compare(std::vector<Incident> incidents, int64_t now_ns) {
    std::reverse(incidents.begin(), incidents.end());  // oldest first
    for (const Incident& incident : incidents) {
      const auto known = open_.find(incident.id);
      if (incident.state == IncidentState::kResolved) {
        if (known == open_.end()) continue;
        open_.erase(known);
        said_({SaidKind::kResolved, now_ns, incident});
        continue;
      }
      if (incident.state != IncidentState::kFiring) continue;
      const Matter matter(incident);
      if (known != open_.end() && !matter.DiffersFrom(known->second)) continue;
      open_.insert_or_assign(incident.id, matter);
      (incident.page ? paged_ : ticketed_).insert(incident.id);
      said_({incident.page ? SaidKind::kPage : SaidKind::kTicket, now_ns,
             incident});
    }
  }

  int64_t pages() const { return static_cast<int64_t>(paged_.size()); }
  int64_t tickets() const {
    return std::count_if(
        ticketed_.begin(), ticketed_.end(),
        [this](const std::string& id) { return !paged_.contains(id); });
  }

 private:
  const std::function<void(const Said&)>& said_;
  std::map<std::string, Matter> open_;
  std::set<std::string> paged_, ticketed_;
};

// One look at each live process, as ingest would give the engine at a tick.
void Observe(const Recording& recording, int64_t now_ns, Engine& engine,
             std::vector<bool>& gone) {
  for (const RecordedLife& life : recording.lives()) {
    const size_t at = static_cast<size_t>(life.info.key - 1);
    if (gone[at] || life.info.first_seen_ns > now_ns) continue;
    Observation look;
    look.exited = life.ended && life.info.last_seen_ns + kGoneNs < now_ns;
    gone[at] = look.exited;
    look.time_ns = now_ns;
    const RecordedStream& memory = life.unit->memory();
    const size_t past =
        memory.LowerBound(std::min(now_ns, life.info.last_seen_ns) + 1);
    if (past > 0 && memory.time_ns(past - 1) >= life.info.first_seen_ns) {
      look.anon_bytes = memory.value(past - 1);
      if (!look.exited) look.time_ns = memory.time_ns(past - 1);
    }
    const RecordedStream& limit = life.unit->limit;
    const size_t limits = limit.LowerBound(now_ns + 1);
    if (limits > 0 && limit.value(limits - 1) > 0) {
      look.limit_bytes = limit.value(limits - 1);
    }
    ProcessInfo info = life.info;
    info.last_seen_ns = look.time_ns;
    engine.OnSnapshot(info, look);
  }
}

// Times with samples, in days, and the pods that have any.
void CountPods(const Recording& recording, BacktestSummary& summary) {
  std::set<std::pair<std::string, std::string>> pods;
  std::map<std::pair<std::string, std::string>, int64_t> covered;
  for (const RecordedLife& life : recording.lives()) {
    const std::pair<std::string, std::string> pod{life.info.workload.ns,
                                                  life.info.pod};
    pods.insert(pod);
    const RecordedStream& memory = life.unit->memory();
    const size_t first = memory.LowerBound(life.info.first_seen_ns);
    const size_t past = memory.LowerBound(life.info.last_seen_ns + 1);
    int64_t mine = 0;
    for (size_t i = first + 1; i < past; ++i) {
      const int64_t gap = memory.time_ns(i) - memory.time_ns(i - 1);
      if (gap <= kGapNs) mine += gap;
    }
    covered[pod] += mine;
  }
  summary.pods = static_cast<int64_t>(pods.size());
  for (const auto& [pod, ns] : covered) {
    summary.pod_days += static_cast<double>(ns) / 86400e9;
  }
}

}  // namespace

std::string_view ToString(SaidKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"page", "ticket",
                                                      "resolved"};
  return kNames[static_cast<size_t>(kind)];
}

absl::StatusOr<BacktestSummary> RunBacktest(
    Recording& recording, const BacktestOptions& options,
    const std::function<void(const Said&)>& said) {
  if (recording.lives().empty()) {
    return absl::InvalidArgumentError(
        "no memory series was found: container_memory_rss, "
        "process_resident_memory_bytes or container_memory_working_set_bytes, "
        "with a pod or an instance");
  }
  EngineOptions engine_options;
  engine_options.thresholds = options.thresholds;
  engine_options.thresholds.incident.refresh_s = kRefresh_s;
  Engine engine({.reader = &recording,
                 .requester = nullptr,
                 .incidents = nullptr,
                 .notifiers = {}},
                engine_options);
  Listener listener(said);
  std::vector<bool> gone(recording.lives().size(), false);
  const int64_t step = static_cast<int64_t>(
      options.thresholds.judgement.every_s * static_cast<double>(kSecond));
  const int64_t from = recording.first_ns(), to = recording.last_ns();
  for (int64_t now = from + step; now < to + step; now += step) {
    recording.SetNow(now);
    Observe(recording, now, engine, gone);
    PLIMSOLL_RETURN_IF_ERROR(engine.Judge(now));
    PLIMSOLL_RETURN_IF_ERROR(engine.Tick(now));
    listener.Compare(engine.Incidents(), now);
    const double share = static_cast<double>(now - from) /
                         static_cast<double>(std::max<int64_t>(to - from, 1));
    if (options.progress && !options.progress(std::min(share, 1.0))) {
      return absl::CancelledError("ended by Ctrl-C");
    }
  }
  BacktestSummary summary;
  summary.series = recording.series();
  summary.from_ns = from;
  summary.to_ns = to;
  summary.pages = listener.pages();
  summary.tickets = listener.tickets();
  summary.judgements = engine.counters().judgements;
  CountPods(recording, summary);
  return summary;
}

}  // namespace plimsoll::collector
