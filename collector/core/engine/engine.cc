#include "collector/core/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "collector/core/diagnosis/cause.h"
#include "collector/core/diagnosis/diagnosis.h"
#include "collector/core/diagnosis/pooled_stacks.h"
#include "collector/core/diagnosis/resolution.h"
#include "collector/core/engine/incident_memory.h"
#include "collector/core/engine/judge_fleet.h"
#include "collector/core/engine/lifecycle.h"
#include "collector/core/growth/process_table.h"
#include "collector/core/growth/trends_by_workload.h"
#include "collector/core/history/recent_history.h"
#include "collector/core/incident/incident_book.h"
#include "collector/core/page/announcer.h"
#include "collector/core/page/evidence_request.h"
#include "collector/core/page/page_text.h"

namespace plimsoll::collector {
namespace {

constexpr double kForgetProcesses_s = 3600;
constexpr char kImminent[] = "imminent";
constexpr char kJudged[] = "judgement";

int64_t Nanos(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

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
  std::map<WorkloadName, ShownVerdict> Shown() const {
    const auto unnamed = table_.Unnamed();
    const std::scoped_lock lock(shown_mutex_);
    return WithUnnamed(shown_, unnamed);
  }

 private:
  const Thresholds& thresholds() const { return options_.thresholds; }

  // With what stands of the judgement.
  TrendsByWorkload GatherTrends(const std::set<WorkloadName>& workloads);
  void FollowImminent(const TrendsByWorkload& trends, int64_t now_ns);
  Incident& OpenImminent(const WorkloadName& workload,
                         const TrendsByWorkload& trends, int64_t now_ns);
  void Raise(Incident& incident, const std::string& rule, Verdict cause,
             const TrendsByWorkload& trends, int64_t now_ns);
  void Renew(Incident& incident, const std::string& rule, Verdict cause,
             const TrendsByWorkload& trends, int64_t now_ns);
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

  mutable std::mutex shown_mutex_;
  std::map<WorkloadName, ShownVerdict> shown_;  // guarded by shown_mutex_

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

Incident& Engine::Impl::OpenImminent(const WorkloadName& workload,
                                     const TrendsByWorkload& trends,
                                     int64_t now_ns) {
  Incident draft;
  draft.workload = workload;
  DiagnoseTrends(Of(trends, workload), Elsewhere(trends, workload),
                 thresholds(), now_ns, draft);
  Note(DiagnoseStored(*ports_.reader, thresholds(), now_ns, draft));
  draft.rule = kImminent;
  const Verdict cause = RefinedCause(draft, thresholds().cause);
  Incident& incident = book_.Open(workload, cause, now_ns);
  memory_.Grew(incident.id, now_ns);
  // A ticket that comes back is raised when it is confirmed.
  if (incident.page) incident.rule = kImminent;
  Diagnose(incident, trends, now_ns);
  RequestEvidence(incident, now_ns);
  Say(incident);
  return incident;
}

// What is suspected is opened, to page when it is confirmed; a ticket that was
// open already, of a leak that was slow, pages then too.
void Engine::Impl::FollowImminent(const TrendsByWorkload& trends,
                                  int64_t now_ns) {
  for (const auto& [workload, processes] : trends) {
    bool holds = false, confirmed = false;
    for (const ProcessTrend& t : processes) {
      holds = holds || t.finding.holds;
      confirmed = confirmed || t.finding.confirmed;
    }
    if (!holds) continue;
    Incident* open = book_.FindOpen(workload);
    if (open == nullptr) open = &OpenImminent(workload, trends, now_ns);
    if (confirmed && !open->page && IsAcuteLeak(*open, thresholds().cause)) {
      Raise(*open, kImminent, open->cause, trends, now_ns);
    }
  }
}

// A ticket that pages from now on.
void Engine::Impl::Raise(Incident& incident, const std::string& rule,
                         Verdict cause, const TrendsByWorkload& trends,
                         int64_t now_ns) {
  incident.page = true;
  incident.raised_ns = now_ns;
  Renew(incident, rule, cause, trends, now_ns);
}

// The same incident, of another tier or cause than people were told, looked at
// anew: to Alertmanager it is another alert anyway, so its cause may change.
void Engine::Impl::Renew(Incident& incident, const std::string& rule,
                         Verdict cause, const TrendsByWorkload& trends,
                         int64_t now_ns) {
  const Verdict told = incident.cause;
  incident.rule = rule;
  incident.cause = cause;
  incident.types.clear();
  incident.native_bytes_per_s.reset();
  incident.traffic.at_ns = 0;
  memory_.Grew(incident.id, now_ns);
  Diagnose(incident, trends, now_ns);
  incident.cause = RefinedCause(incident, thresholds().cause);
  NoteFormerCause(told, incident);
  incident.text = WritePage(incident, options_.external_url);
  RequestEvidence(incident, now_ns);
  // A silence may have been of tickets, or of that cause, only.
  announcer_.LookAtSilences(incident, now_ns);
  Say(incident);
}

void Engine::Impl::Diagnose(Incident& incident, const TrendsByWorkload& trends,
                            int64_t now_ns) {
  const std::vector<ProcessTrend>& mine = Of(trends, incident.workload);
  DiagnoseTrends(mine, Elsewhere(trends, incident.workload), thresholds(),
                 now_ns, incident);
  Note(DiagnoseStored(*ports_.reader, thresholds(), now_ns, incident));
  if (incident.state == IncidentState::kPending) {
    incident.cause = RefinedCause(incident, thresholds().cause);
    if (incident.rule == kImminent) incident.page = MayPage(incident.cause);
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
  {
    const std::scoped_lock lock(shown_mutex_);
    shown_ = std::move(fleet.shown);
  }
  const TrendsByWorkload trends = GatherTrends(fleet.workloads);
  for (const WorkloadJudgement& w : fleet.found) {
    const bool known = book_.FindOpen(w.workload) != nullptr;
    Incident& incident = book_.Open(w.workload, w.cause, now_ns);
    memory_.Grew(incident.id, now_ns);
    if (known) {
      if (w.page && !incident.page) {
        Raise(incident, kJudged, w.cause, trends, now_ns);
      } else if (!MayPage(incident.cause) && MayPage(w.cause)) {
        Renew(incident, kJudged, w.cause, trends, now_ns);
      }
      continue;
    }
    incident.rule = kJudged;
    Fill(w, incident);
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
  FollowImminent(trends, now_ns);
  for (const std::string& id : book_.OpenIds()) {
    Advance(*book_.Find(id), trends, now_ns);
  }
  NoteReceipts();
  return std::exchange(first_error_, absl::OkStatus());
}

EngineCounters Engine::Impl::counters() const {
  return {.observations = table_.observations(),
          .judgements = judgements_,
          .incidents_fired = fired_,
          .incidents_resolved = resolved_,
          .suspicions_dropped = dropped_,
          .port_errors = errors_,
          .clock_jumps = clock_jumps_};
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
std::map<WorkloadName, ShownVerdict> Engine::Shown() const {
  return impl_->Shown();
}
EngineCounters Engine::counters() const { return impl_->counters(); }

}  // namespace plimsoll::collector
