#include "collector/core/engine.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "collector/core/diagnosis.h"
#include "collector/core/incident_book.h"
#include "collector/core/judge_fleet.h"
#include "collector/core/lifecycle.h"
#include "collector/core/page_text.h"
#include "collector/core/process_table.h"
#include "collector/core/recent_history.h"

namespace plimsoll::collector {
namespace {

using TrendsByWorkload = std::map<WorkloadName, std::vector<ProcessTrend>>;

constexpr double kForgetProcesses_s = 3600;
constexpr size_t kMostEvidenceTypes = 3;

int64_t Nanos(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

}  // namespace

class Engine::Impl {
 public:
  Impl(EnginePorts ports, EngineOptions options)
      : ports_(std::move(ports)),
        options_(std::move(options)),
        table_(options_.thresholds.imminent),
        book_(ports_.incidents, options_.thresholds.incident),
        fleet_(options_.thresholds.judgement) {}

  absl::Status Restore(int64_t now_ns);
  absl::Status Tick(int64_t now_ns);
  absl::Status Judge(int64_t now_ns);

  ProcessTable& table() { return table_; }
  const IncidentBook& book() const { return book_; }
  EngineCounters counters() const;

 private:
  const Thresholds& thresholds() const { return options_.thresholds; }

  TrendsByWorkload GatherTrends();
  void OpenImminent(const TrendsByWorkload& trends, int64_t now_ns);
  void Advance(Incident& incident, const std::vector<ProcessTrend>& trends,
               int64_t now_ns);
  IncidentFacts FactsOf(const Incident& incident,
                        const std::vector<ProcessTrend>& trends);
  void Diagnose(Incident& incident, const std::vector<ProcessTrend>& trends,
                int64_t now_ns);
  void RequestEvidence(Incident& incident, int64_t now_ns);
  void Say(const Incident& incident);
  void NoteDelivery(const std::string& id);
  void Note(const absl::Status& status);

  const EnginePorts ports_;
  const EngineOptions options_;
  ProcessTable table_;
  IncidentBook book_;
  FleetState fleet_;
  std::map<ProcessKey, ProcessJudgement> judged_;  // those that stand
  // By incident: when growth was last seen and its text last made.
  std::map<std::string, int64_t> last_growing_ns_, last_refresh_ns_;
  int64_t last_judge_ns_ = 0;
  absl::Status first_error_;  // of this call

  // Written by the analysis thread, read by any.
  std::atomic<int64_t> judgements_{0}, fired_{0}, resolved_{0}, dropped_{0},
      errors_{0};
};

void Engine::Impl::Note(const absl::Status& status) {
  if (status.ok()) return;
  ++errors_;
  first_error_.Update(status);
}

// Kept with the incident, so that a restart does not page again.
void Engine::Impl::NoteDelivery(const std::string& id) {
  Incident* incident = book_.Find(id);
  if (incident == nullptr || incident->page_delivered ||
      incident->state != IncidentState::kFiring || ports_.notifiers.empty() ||
      !std::all_of(ports_.notifiers.begin(), ports_.notifiers.end(),
                   [&](const Notifier* n) { return n->Delivered(id); })) {
    return;
  }
  incident->page_delivered = true;
  Note(book_.Save(*incident));
}

void Engine::Impl::Say(const Incident& incident) {
  Note(book_.Save(incident));
  if (incident.state == IncidentState::kPending) return;
  const Notification notification =
      NotificationOf(incident, options_.external_url);
  for (Notifier* notifier : ports_.notifiers) notifier->Notify(notification);
}

absl::Status Engine::Impl::Restore(int64_t now_ns) {
  first_error_ = absl::OkStatus();
  const absl::Status loaded = book_.Load(now_ns);
  Note(loaded);
  for (const std::string& id : book_.OpenIds()) {
    // What was growing before the restart is given time to show it again.
    last_growing_ns_[id] = now_ns;
    if (const Incident* i = book_.Find(id);
        i->state == IncidentState::kFiring) {
      for (Notifier* notifier : ports_.notifiers) {
        Notification said = NotificationOf(*i, options_.external_url);
        said.said_before = i->page_delivered;
        notifier->Notify(said);
      }
    }
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

TrendsByWorkload Engine::Impl::GatherTrends() {
  std::set<WorkloadName> open = book_.OpenWorkloads();
  TrendsByWorkload trends = table_.Trends(open);
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
    DiagnoseTrends(processes, thresholds(), now_ns, draft);
    Note(DiagnoseStored(*ports_.reader, thresholds(), now_ns, draft));
    // Objects of a type rise, by the rule; they name the cause unless they are
    // the smaller part of the growth.
    const double python = draft.shares.python.value_or(1);
    const Verdict cause = python >= thresholds().cause.python_majority
                              ? Verdict::kPythonObject
                              : Verdict::kMixed;
    Incident& incident = book_.Open(workload, cause, now_ns);
    incident.rule = "imminent";
    incident.page = true;
    last_growing_ns_[incident.id] = now_ns;
    Diagnose(incident, processes, now_ns);
    RequestEvidence(incident, now_ns);
    Say(incident);
  }
}

void Engine::Impl::Diagnose(Incident& incident,
                            const std::vector<ProcessTrend>& trends,
                            int64_t now_ns) {
  DiagnoseTrends(trends, thresholds(), now_ns, incident);
  Note(DiagnoseStored(*ports_.reader, thresholds(), now_ns, incident));
  incident.updated_ns = now_ns;
  incident.text = WritePage(incident, options_.external_url);
  last_refresh_ns_[incident.id] = now_ns;
}

void Engine::Impl::RequestEvidence(Incident& incident, int64_t now_ns) {
  incident.evidence_requested_ns = now_ns;
  incident.evidence_problem.clear();
  if (ports_.requester == nullptr) {
    incident.evidence_problem =
        "the agent could not be asked: no agent takes commands";
    return;
  }
  std::vector<std::string> types;
  for (const GrowingType& t : incident.types) {
    if (types.size() < kMostEvidenceTypes) types.push_back(t.type);
  }
  const AffectedProcess* worst = nullptr;
  const AffectedProcess* sibling = nullptr;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking && worst == nullptr) worst = &p;
    if (p.leaking || p.helper || worst == nullptr) continue;
    // Of another region, if there is one: what differs there is the clue.
    if (sibling == nullptr ||
        (sibling->region == worst->region && p.region != worst->region)) {
      sibling = &p;
    }
  }
  const int64_t duration = Nanos(thresholds().incident.evidence_window_s);
  if (worst != nullptr) {
    const absl::Status asked =
        ports_.requester->RequestWindow(worst->process, types, duration);
    if (!asked.ok()) {
      incident.evidence_problem =
          "the agent could not be asked: " + std::string(asked.message());
    }
    Note(asked);
  }
  if (sibling != nullptr) {
    Note(ports_.requester->RequestWindow(sibling->process, types, duration));
  }
}

IncidentFacts Engine::Impl::FactsOf(const Incident& incident,
                                    const std::vector<ProcessTrend>& trends) {
  IncidentFacts facts;
  int64_t& last_growing = last_growing_ns_[incident.id];
  std::set<ProcessKey> leaking, alive;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking) leaking.insert(p.process);
  }
  for (const ProcessTrend& t : trends) {
    if (t.finding.confirmed || t.judged) facts.confirmed = true;
    if (!t.exited) alive.insert(t.info.key);
    if (leaking.contains(t.info.key) && t.oom_killed) facts.oom_killed = true;
    if (IsGrowing(t, thresholds())) {
      last_growing = std::max(last_growing, t.last_seen_ns);
    }
  }
  facts.last_growing_ns = last_growing;
  facts.all_gone =
      !trends.empty() && !leaking.empty() &&
      std::none_of(leaking.begin(), leaking.end(),
                   [&](ProcessKey key) { return alive.contains(key); });
  facts.evidence_arrived = !incident.stacks.empty();
  facts.evidence_possible =
      incident.evidence_requested_ns > 0 && incident.evidence_problem.empty();
  return facts;
}

void Engine::Impl::Advance(Incident& incident,
                           const std::vector<ProcessTrend>& trends,
                           int64_t now_ns) {
  const IncidentThresholds& t = thresholds().incident;
  const bool due =
      now_ns - last_refresh_ns_[incident.id] >=
      (incident.state == IncidentState::kPending ? Nanos(5)
                                                 : Nanos(t.refresh_s));
  const PageText before = incident.text;
  if (due) Diagnose(incident, trends, now_ns);
  if (due && incident.stacks.empty() &&
      now_ns - incident.evidence_requested_ns >= Nanos(t.evidence_repeat_s)) {
    RequestEvidence(incident, now_ns);
  }
  const Decision decision =
      Decide(incident, FactsOf(incident, trends), t, now_ns);
  switch (decision.step) {
    case Step::kStay:
      if (!(before == incident.text)) Say(incident);
      return;
    case Step::kFire:
      incident.state = IncidentState::kFiring;
      incident.fired_ns = now_ns;
      Diagnose(incident, trends, now_ns);
      ++fired_;
      break;
    case Step::kResolve:
      incident.state = IncidentState::kResolved;
      incident.resolved_ns = now_ns;
      incident.updated_ns = now_ns;
      incident.resolve_reason = decision.reason;
      ++resolved_;
      break;
    case Step::kDrop: {
      ++dropped_;
      const std::string id = incident.id;
      last_growing_ns_.erase(id);
      last_refresh_ns_.erase(id);
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
  const TrendsByWorkload trends = table_.Trends(fleet.workloads);
  for (const WorkloadJudgement& w : fleet.found) {
    const bool known = book_.FindOpen(w.workload) != nullptr;
    Incident& incident = book_.Open(w.workload, w.cause, now_ns);
    last_growing_ns_[incident.id] = now_ns;
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
    std::vector<ProcessTrend> mine;
    if (const auto at = trends.find(w.workload); at != trends.end()) {
      mine = at->second;
      for (ProcessTrend& trend : mine) {
        const auto j = judged_.find(trend.info.key);
        if (j != judged_.end()) trend.judged = j->second;
      }
    }
    Diagnose(incident, mine, now_ns);
    RequestEvidence(incident, now_ns);
    Say(incident);
  }
  return std::exchange(first_error_, absl::OkStatus());
}

absl::Status Engine::Impl::Tick(int64_t now_ns) {
  first_error_ = absl::OkStatus();
  if (last_judge_ns_ == 0) last_judge_ns_ = now_ns;
  if (now_ns - last_judge_ns_ >= Nanos(thresholds().judgement.every_s)) {
    first_error_.Update(Judge(now_ns));
    table_.Forget(now_ns - Nanos(kForgetProcesses_s));
    fleet_.confirmations.Forget(now_ns - Nanos(kForgetProcesses_s));
    book_.ForgetResolved(now_ns);
  }
  const TrendsByWorkload trends = GatherTrends();
  OpenImminent(trends, now_ns);
  for (const std::string& id : book_.OpenIds()) {
    Incident* incident = book_.Find(id);
    const auto at = trends.find(incident->workload);
    static const std::vector<ProcessTrend> kNone;
    Advance(*incident, at == trends.end() ? kNone : at->second, now_ns);
    NoteDelivery(id);
  }
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
