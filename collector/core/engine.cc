#include "collector/core/engine.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "collector/core/announcer.h"
#include "collector/core/cause.h"
#include "collector/core/diagnosis.h"
#include "collector/core/evidence_request.h"
#include "collector/core/incident_book.h"
#include "collector/core/incident_memory.h"
#include "collector/core/judge_fleet.h"
#include "collector/core/lifecycle.h"
#include "collector/core/page_text.h"
#include "collector/core/pooled_stacks.h"
#include "collector/core/process_table.h"
#include "collector/core/recent_history.h"
#include "collector/core/resolution.h"

namespace plimsoll::collector {
namespace {

using TrendsByWorkload = std::map<WorkloadName, std::vector<ProcessTrend>>;

constexpr double kForgetProcesses_s = 3600;

int64_t Nanos(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

const std::vector<ProcessTrend>& Of(const TrendsByWorkload& trends,
                                    const WorkloadName& workload) {
  static const std::vector<ProcessTrend> kNone;
  const auto at = trends.find(workload);
  return at == trends.end() ? kNone : at->second;
}

// The same service in other clusters.
std::vector<ProcessTrend> Elsewhere(const TrendsByWorkload& trends,
                                    const WorkloadName& workload) {
  std::vector<ProcessTrend> out;
  for (const auto& [name, mine] : trends) {
    if (name == workload || !SameService(name, workload)) continue;
    out.insert(out.end(), mine.begin(), mine.end());
  }
  return out;
}

}  // namespace

class Engine::Impl {
 public:
  Impl(EnginePorts ports, EngineOptions options)
      : ports_(std::move(ports)),
        options_(std::move(options)),
        table_(options_.thresholds.imminent),
        book_(ports_.incidents, options_.thresholds.incident),
        announcer_(ports_.notifiers, ports_.silences,
                   {options_.external_url, options_.runbook_url}),
        fleet_(options_.thresholds.judgement) {}

  absl::Status Restore(int64_t now_ns);
  absl::Status Tick(int64_t now_ns);
  absl::Status Judge(int64_t now_ns);

  ProcessTable& table() { return table_; }
  const IncidentBook& book() const { return book_; }
  EngineCounters counters() const;

 private:
  const Thresholds& thresholds() const { return options_.thresholds; }

  // With what stands of the judgement.
  TrendsByWorkload GatherTrends(const std::set<WorkloadName>& workloads);
  void OpenImminent(const TrendsByWorkload& trends, int64_t now_ns);
  void Advance(Incident& incident, const TrendsByWorkload& trends,
               int64_t now_ns);
  void Diagnose(Incident& incident, const TrendsByWorkload& trends,
                int64_t now_ns);
  void RequestEvidence(Incident& incident, int64_t now_ns);
  void Say(const Incident& incident);
  void NoteReceipts();
  void FollowClock(int64_t now_ns);
  void Note(const absl::Status& status);

  const EnginePorts ports_;
  const EngineOptions options_;
  ProcessTable table_;
  IncidentBook book_;
  const Announcer announcer_;
  FleetState fleet_;
  std::map<ProcessKey, ProcessJudgement> judged_;  // those that stand
  IncidentMemory memory_;
  int64_t last_judge_ns_ = 0;
  absl::Status first_error_;  // of this call

  // Written by the analysis thread, read by any.
  std::atomic<int64_t> judgements_{0}, fired_{0}, resolved_{0}, dropped_{0},
      errors_{0}, clock_jumps_{0};
};

void Engine::Impl::Note(const absl::Status& status) {
  if (status.ok()) return;
  ++errors_;
  first_error_.Update(status);
}

// Kept with the incident, so that a restart pages nobody twice.
void Engine::Impl::NoteReceipts() {
  for (const Receipt& receipt : announcer_.TakeReceipts()) {
    Incident* incident = book_.Find(receipt.incident_id);
    if (incident == nullptr) continue;
    Record(receipt.told, *incident);
    Note(book_.Save(*incident));
  }
}

void Engine::Impl::Say(const Incident& incident) {
  Note(book_.Save(incident));
  announcer_.Say(incident);
}

absl::Status Engine::Impl::Restore(int64_t now_ns) {
  first_error_ = absl::OkStatus();
  const absl::Status loaded = book_.Load(now_ns);
  Note(loaded);
  for (const std::string& id : book_.OpenIds()) {
    // What was growing before the restart is given time to show it again.
    memory_.Grew(id, now_ns);
    announcer_.Say(*book_.Find(id));
  }
  // Whoever knows of a page and not of its end, as we went down in between.
  for (const Incident& i : book_.Copies()) {
    if (EndIsUntold(i)) announcer_.Say(i);
  }
  Note(ReplayRecent(*ports_.reader, thresholds().imminent, now_ns,
                    [this](const ProcessInfo& info, const Observation& o) {
                      table_.Observe(info, o);
                    }));
  last_judge_ns_ = now_ns;
  first_error_ = absl::OkStatus();
  // One bad record or series is counted; it keeps no collector from starting.
  return absl::IsDataLoss(loaded) ? absl::OkStatus() : loaded;
}

TrendsByWorkload Engine::Impl::GatherTrends(
    const std::set<WorkloadName>& workloads) {
  TrendsByWorkload trends = table_.Trends(workloads);
  for (auto& [workload, processes] : trends) {
    for (ProcessTrend& trend : processes) {
      const auto at = judged_.find(trend.info.key);
      if (at != judged_.end()) trend.judged = at->second;
    }
  }
  return trends;
}

void Engine::Impl::OpenImminent(const TrendsByWorkload& trends,
                                int64_t now_ns) {
  for (const auto& [workload, processes] : trends) {
    const bool holds =
        std::any_of(processes.begin(), processes.end(),
                    [](const ProcessTrend& t) { return t.finding.holds; });
    if (!holds || book_.FindOpen(workload) != nullptr) continue;
    Incident draft;
    draft.workload = workload;
    DiagnoseTrends(processes, Elsewhere(trends, workload), thresholds(), now_ns,
                   draft);
    Note(DiagnoseStored(*ports_.reader, thresholds(), now_ns, draft));
    draft.rule = "imminent";
    const Verdict cause = RefinedCause(draft, thresholds().cause);
    Incident& incident = book_.Open(workload, cause, now_ns);
    incident.rule = "imminent";
    incident.page = true;
    memory_.Grew(incident.id, now_ns);
    Diagnose(incident, trends, now_ns);
    RequestEvidence(incident, now_ns);
    Say(incident);
  }
}

void Engine::Impl::Diagnose(Incident& incident, const TrendsByWorkload& trends,
                            int64_t now_ns) {
  const std::vector<ProcessTrend>& mine = Of(trends, incident.workload);
  DiagnoseTrends(mine, Elsewhere(trends, incident.workload), thresholds(),
                 now_ns, incident);
  Note(DiagnoseStored(*ports_.reader, thresholds(), now_ns, incident));
  if (incident.state == IncidentState::kPending) {
    incident.cause = RefinedCause(incident, thresholds().cause);
  }
  incident.updated_ns = now_ns;
  // A label: it stays as it was when people were told.
  for (const ProcessTrend& t : mine) {
    if (incident.fired_ns > 0 || !incident.owner.empty()) break;
    incident.owner = t.info.owner;
  }
  incident.text = WritePage(incident, options_.external_url);
  memory_.Refreshed(incident.id, now_ns);
}

void Engine::Impl::RequestEvidence(Incident& incident, int64_t now_ns) {
  Note(AskForEvidence(ports_.requester,
                      Nanos(thresholds().incident.evidence_window_s), now_ns,
                      incident));
}

void Engine::Impl::Advance(Incident& incident, const TrendsByWorkload& trends,
                           int64_t now_ns) {
  const std::vector<ProcessTrend>& mine = Of(trends, incident.workload);
  const IncidentThresholds& t = thresholds().incident;
  const bool due =
      now_ns - memory_.last_refresh_ns(incident.id) >=
      (incident.state == IncidentState::kPending ? Nanos(5)
                                                 : Nanos(t.refresh_s));
  const PageText before = incident.text;
  const bool silence_changed = announcer_.LookAtSilences(incident, now_ns);
  if (due) Diagnose(incident, trends, now_ns);
  // More of it where there is none, where it is of another type than what
  // leaks, or for a while where few samples leave open which line it is.
  const bool open = !IsFirstLineSure(incident.stacks) &&
                    now_ns - incident.opened_ns < Nanos(t.evidence_sure_s);
  const bool beside = IsBesideTheLeak(incident);
  const double pause_s = beside ? t.evidence_again_s : t.evidence_repeat_s;
  if (due && (incident.stacks.empty() || open || beside) &&
      now_ns - incident.evidence_requested_ns >= Nanos(pause_s)) {
    RequestEvidence(incident, now_ns);
  }
  const Decision decision = Decide(
      incident, memory_.FactsOf(incident, mine, thresholds()), t, now_ns);
  switch (decision.step) {
    case Step::kStay:
      if (silence_changed || !(before == incident.text)) Say(incident);
      return;
    case Step::kFire:
      incident.state = IncidentState::kFiring;
      incident.fired_ns = now_ns;
      Diagnose(incident, trends, now_ns);
      announcer_.LookAtSilences(incident, now_ns);
      ++fired_;
      break;
    case Step::kResolve:
      incident.state = IncidentState::kResolved;
      incident.resolved_ns = now_ns;
      incident.updated_ns = now_ns;
      incident.resolve_reason =
          WhyResolved(incident, mine, *ports_.reader, now_ns, decision.reason);
      ++resolved_;
      break;
    case Step::kDrop: {
      ++dropped_;
      const std::string id = incident.id;
      memory_.Forget(id);
      Note(book_.Drop(id));
      return;
    }
  }
  Say(incident);
}

absl::Status Engine::Impl::Judge(int64_t now_ns) {
  last_judge_ns_ = now_ns;
  FleetJudgement fleet =
      JudgeFleet(*ports_.reader, thresholds(), fleet_, now_ns);
  Note(fleet.first_error);
  judgements_ += fleet.processes_judged;
  judged_ = std::move(fleet.standing);
  const TrendsByWorkload trends = GatherTrends(fleet.workloads);
  for (const WorkloadJudgement& w : fleet.found) {
    const bool known = book_.FindOpen(w.workload) != nullptr;
    Incident& incident = book_.Open(w.workload, w.cause, now_ns);
    memory_.Grew(incident.id, now_ns);
    if (known) {
      // A ticket that has become urgent pages.
      incident.page = incident.page || w.page;
      continue;
    }
    incident.rule = "judgement";
    incident.page = w.page;
    incident.processes = w.processes;
    incident.shares = w.shares;
    incident.window_s = w.window_s;
    incident.bytes_per_s = w.bytes_per_s;
    incident.time_to_limit = w.time_to_limit;
    Diagnose(incident, trends, now_ns);
    RequestEvidence(incident, now_ns);
    Say(incident);
  }
  return std::exchange(first_error_, absl::OkStatus());
}

void Engine::Impl::FollowClock(int64_t now_ns) {
  const int64_t set_by_ns = memory_.FollowClock(now_ns);
  if (set_by_ns == 0) return;
  ++clock_jumps_;
  last_judge_ns_ += set_by_ns;
  for (const std::string& id : book_.OpenIds()) {
    book_.Find(id)->evidence_requested_ns += set_by_ns;
  }
}

absl::Status Engine::Impl::Tick(int64_t now_ns) {
  first_error_ = absl::OkStatus();
  if (last_judge_ns_ == 0) last_judge_ns_ = now_ns;
  FollowClock(now_ns);
  if (now_ns - last_judge_ns_ >= Nanos(thresholds().judgement.every_s)) {
    first_error_.Update(Judge(now_ns));
    table_.Forget(now_ns, Nanos(kForgetProcesses_s));
    fleet_.confirmations.Forget(now_ns - Nanos(kForgetProcesses_s));
    book_.ForgetResolved(now_ns);
  }
  const TrendsByWorkload trends = GatherTrends(book_.OpenWorkloads());
  OpenImminent(trends, now_ns);
  for (const std::string& id : book_.OpenIds()) {
    Advance(*book_.Find(id), trends, now_ns);
  }
  NoteReceipts();
  return std::exchange(first_error_, absl::OkStatus());
}

EngineCounters Engine::Impl::counters() const {
  EngineCounters c;
  c.observations = table_.observations();
  c.judgements = judgements_;
  c.incidents_fired = fired_;
  c.incidents_resolved = resolved_;
  c.suspicions_dropped = dropped_;
  c.port_errors = errors_;
  c.clock_jumps = clock_jumps_;
  return c;
}

Engine::Engine(EnginePorts ports, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(ports), std::move(options))) {}
Engine::~Engine() = default;

absl::Status Engine::Restore(int64_t now_ns) { return impl_->Restore(now_ns); }
void Engine::OnSnapshot(const ProcessInfo& process,
                        const Observation& observation) {
  impl_->table().Observe(process, observation);
}
absl::Status Engine::Tick(int64_t now_ns) { return impl_->Tick(now_ns); }
absl::Status Engine::Judge(int64_t now_ns) { return impl_->Judge(now_ns); }
std::vector<Incident> Engine::Incidents() const {
  return impl_->book().Copies();
}
EngineCounters Engine::counters() const { return impl_->counters(); }

}  // namespace plimsoll::collector
