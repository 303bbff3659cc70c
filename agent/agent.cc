#include "agent/agent.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace plimsoll::agent {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kScanPeriodNs = 5 * kNsPerSecond;
// How often it is looked at whether a census is due.
constexpr int64_t kCensusCheckNs = kNsPerSecond;

DiscoveryEvents EventsOf(ProcessTable* table,
                         std::function<void()> take_events) {
  DiscoveryEvents events;
  events.on_python = [table](const core::ProcessId& id,
                             absl::StatusOr<core::PythonProcess> python) {
    table->Add(id, std::move(python));
  };
  events.on_gone = [table](const core::ProcessId& id) { table->Remove(id); };
  events.before_gone = std::move(take_events);
  return events;
}

}  // namespace

Agent::Agent(const Config& config, AgentPorts ports, AgentIdentity identity,
             procfs::ProcRoot proc, procfs::CgroupReader cgroups)
    : config_(config),
      ports_(std::move(ports)),
      identity_(std::move(identity)),
      proc_(proc),
      table_(config_, proc, std::move(cgroups), ports_.probes, ports_.no_probes,
             ports_.pods, ports_.requests, ports_.clock,
             identity_.ticks_per_second),
      census_(config_, &table_, ports_.inspector, ports_.clock, ports_.cpu_ns),
      commands_(&table_, &census_, ports_.inspector, ports_.probes,
                ports_.clock, identity_.boot_id,
                {[this](core::Snapshot snapshot) {
                   std::vector<core::Snapshot> snapshots;
                   snapshots.push_back(std::move(snapshot));
                   Report(std::move(snapshots));
                 },
                 ports_.on_result},
                ports_.native),
      discovery_(std::move(proc), ports_.inspector,
                 EventsOf(&table_, ports_.take_events), identity_.pid) {}

void Agent::Start() {
  ScanLoop();
  CensusLoop();
  ports_.timers->RunAfter(config_.memory_period_ns, [this, alive = alive_] {
    if (*alive) ReportLoop();
  });
}

void Agent::ScanLoop() {
  ScanNow();
  ports_.timers->RunAfter(kScanPeriodNs, [this, alive = alive_] {
    if (*alive) ScanLoop();
  });
}

void Agent::CensusLoop() {
  discovery_.LookAtExecs();
  census_.RunDue();
  ports_.timers->RunAfter(kCensusCheckNs, [this, alive = alive_] {
    if (*alive) CensusLoop();
  });
}

void Agent::ReportLoop() {
  SampleAndReport();
  ports_.timers->RunAfter(config_.memory_period_ns, [this, alive = alive_] {
    if (*alive) ReportLoop();
  });
}

void Agent::ScanNow() {
  if (absl::Status status = discovery_.Scan(); !status.ok()) {
    spdlog::error("scan failed error=\"{}\"", status.ToString());
  }
  if (discovery_.settled()) LogWhatIsSeen();
}

void Agent::ReportNow() { SampleAndReport(); }

void Agent::Finish() {
  commands_.EndAll("the agent ended meanwhile");
  SampleAndReport();
}

void Agent::CountLoss(const std::string& reason, int64_t count) {
  if (count <= 0) return;
  losses_[reason] += count;
  total_losses_[reason] += count;
}

void Agent::SampleAndReport() {
  const std::vector<core::ProcessId> gone = table_.SampleMemory();
  if (!gone.empty() && ports_.take_events) ports_.take_events();
  for (const core::ProcessId& id : gone) table_.Remove(id);
  std::vector<core::Snapshot> snapshots = table_.TakeSnapshots();
  for (core::Snapshot& snapshot : evidence_) {
    snapshots.push_back(std::move(snapshot));
  }
  evidence_.clear();
  Report(std::move(snapshots));
  NameProfiles();
}

void Agent::NameProfiles() {
  for (ProcessTable::PendingProfile& pending : table_.TakeProfiles()) {
    core::ProcessId id = pending.id;
    commands_.namer().Name(
        id, std::move(pending.raw),
        [this, alive = alive_, id](core::StackProfile profile) {
          if (!*alive) return;
          core::Snapshot& snapshot = evidence_.emplace_back();
          snapshot.process = id;
          snapshot.boottime_ns = ports_.clock->BoottimeNs();
          snapshot.stack_profiles.push_back(std::move(profile));
        });
  }
}

void Agent::Report(std::vector<core::Snapshot> snapshots) {
  core::NodeReport report;
  report.boot_id = identity_.boot_id;
  report.node = identity_.node;
  report.boottime_ns = ports_.clock->BoottimeNs();
  report.wall_offset_ns = ports_.clock->WallOffsetNs();
  report.processes = table_.TakeDescriptions();
  report.snapshots = std::move(snapshots);
  if (auto node = proc_.ReadNode(); node.ok()) report.node_sample = *node;
  report.usage.cpu_ns = ports_.cpu_ns();
  report.usage.rss_bytes = ports_.rss_bytes();
  if (ports_.probes != nullptr) {
    core::ProbeUsage usage = ports_.probes->usage();
    report.usage.probe_hits = usage.hits;
    report.usage.probe_cost_ns = usage.cost_ns;
    report.usage.attach_rung = ports_.probes->rung();
  }
  report.losses = std::exchange(losses_, {});
  for (const core::Snapshot& snapshot : report.snapshots) {
    for (const auto& [reason, count] : snapshot.losses) {
      total_losses_[reason] += count;
    }
  }
  ++reports_;
  ports_.on_report(report);
}

Agent::Status Agent::status() {
  Status status;
  for (auto& [id, process] : table_.processes()) {
    ++status.processes;
    if (process.python) {
      ++status.readable;
    } else {
      status.not_readable[process.refusal].push_back(id.pid);
    }
    for (const auto& [tier, state] : process.tiers) {
      auto& [ok, not_ok] = status.tiers[tier];
      ++(state.ok ? ok : not_ok);
      core::RefusalCounts& refusals = status.tier_refusals[tier];
      if (!state.ok) ++refusals[core::RefusalLabel(state.reason)];
    }
  }
  for (auto& [tier, refusals] : status.tier_refusals) {
    refusals = core::BoundRefusals(refusals);
  }
  for (const auto& [reason, pids] : discovery_.unreadable()) {
    auto& all = status.not_readable[reason];
    all.insert(all.end(), pids.begin(), pids.end());
  }
  status.losses = total_losses_;
  status.census = census_.statistics();
  status.commands = commands_.statistics();
  if (ports_.probes != nullptr) {
    status.probes = ports_.probes->usage();
    status.rung = ports_.probes->rung();
    status.rung_refusals = ports_.probes->rung_refusals();
  }
  status.reports = reports_;
  status.cpu_ns = ports_.cpu_ns();
  status.rss_bytes = ports_.rss_bytes();
  status.budget_balance_ns = census_.budget_balance_ns();
  status.settled = discovery_.settled();
  return status;
}

void Agent::LogWhatIsSeen() {
  const Status now = status();
  const std::string seen =
      "watching " + std::to_string(now.readable) + " Python processes";
  // How many is what is news: which ones may change with every look.
  std::string news = seen;
  for (const auto& [reason, pids] : now.not_readable) {
    news += "; " + std::to_string(pids.size()) + " " + reason;
  }
  if (news == last_seen_) return;
  last_seen_ = news;
  spdlog::info("{}{}", seen, core::DescribeUnreadable(now.not_readable));
}

}  // namespace plimsoll::agent
