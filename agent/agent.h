// Agent is the loop's content: discovery every few seconds, tier 0 and a report
// every memory_period, censuses in between, commands as they come. It owns no
// thread and no descriptor: main gives it ports and calls it from the loop.
#ifndef PLIMSOLL_AGENT_AGENT_H_
#define PLIMSOLL_AGENT_AGENT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/census_runner.h"
#include "agent/command_runner.h"
#include "agent/config.h"
#include "agent/core/clock.h"
#include "agent/core/command.h"
#include "agent/core/native_inspector.h"
#include "agent/core/pod_directory.h"
#include "agent/core/ports.h"
#include "agent/core/probe_port.h"
#include "agent/core/refusal_label.h"
#include "agent/core/report.h"
#include "agent/core/request_port.h"
#include "agent/core/unreadable_processes.h"
#include "agent/discovery.h"
#include "agent/process_table.h"
#include "agent/procfs/cgroup_reader.h"
#include "agent/procfs/proc_root.h"

namespace plimsoll::agent {

struct AgentPorts {
  core::Inspector* inspector = nullptr;
  core::NativeInspector* native = nullptr;  // null: no native stacks
  core::ProbePort* probes = nullptr;  // null: none, and no_probes says why
  std::string no_probes;
  const core::PodDirectory* pods = nullptr;  // null: no cluster is known
  core::RequestPort* requests = nullptr;     // null: files are read only
  core::Clock* clock = nullptr;
  core::Timers* timers = nullptr;
  // CPU time of the agent and its inspector so far.
  std::function<int64_t()> cpu_ns;
  std::function<int64_t()> rss_bytes;
  // Takes the report; returns false when it was lost (and counted).
  std::function<void(const core::NodeReport&)> on_report;
  std::function<void(core::CommandResult)> on_result;
  // Hands over the lifecycle events that wait (HandleExec, HandleExit,
  // HandleOomVictim), before a process that is no longer in /proc is taken for
  // ended: they may say that the OOM killer ended it. Empty: there are none.
  std::function<void()> take_events;
};

struct AgentIdentity {
  std::string boot_id;
  std::string node;
  int32_t pid = 0;
  int64_t ticks_per_second = 100;
};

class Agent {
 public:
  Agent(const Config& config, AgentPorts ports, AgentIdentity identity,
        procfs::ProcRoot proc, procfs::CgroupReader cgroups);

  // Starts the timers; they run until the agent is destroyed.
  void Start();
  // The last report, for the spool: everything that was measured and not said.
  void Finish();

  void HandleCommand(const core::Command& command) { commands_.Run(command); }
  void HandleExec(int32_t pid) { discovery_.HandleExec(pid); }
  void HandleExit(int32_t pid) { discovery_.HandleExit(pid); }
  void HandleOomVictim(int32_t pid) { table_.MarkOomVictim(pid); }
  // A collector that may know nothing of this node.
  void HandleConnected() { table_.ForgetDescribed(); }
  void CountLoss(const std::string& reason, int64_t count = 1);

  // For /metrics and tests.
  struct Status {
    int64_t processes = 0;
    int64_t readable = 0;
    core::UnreadableProcesses not_readable;
    // By tier number: how many work, how many do not.
    std::map<core::Tier, std::pair<int64_t, int64_t>> tiers;
    // Of those that do not: why, few reasons for each tier.
    std::map<core::Tier, core::RefusalCounts> tier_refusals;
    std::map<std::string, int64_t> losses;  // by reason, since the start
    CensusRunner::Statistics census;
    CommandRunner::Statistics commands;
    core::ProbeUsage probes;
    std::string rung;
    std::map<std::string, std::string> rung_refusals;
    int64_t reports = 0;
    int64_t cpu_ns = 0;
    int64_t rss_bytes = 0;
    int64_t budget_balance_ns = 0;
    bool settled = false;  // all processes that were found were looked at
  };
  Status status();

  void ScanNow();
  void ReportNow();

 private:
  void ScanLoop();
  void CensusLoop();
  void ReportLoop();
  void SampleAndReport();
  void Report(std::vector<core::Snapshot> snapshots);
  void NameProfiles();
  void LogWhatIsSeen();

  const Config& config_;
  const AgentPorts ports_;
  const AgentIdentity identity_;
  procfs::ProcRoot proc_;
  ProcessTable table_;
  CensusRunner census_;
  CommandRunner commands_;
  Discovery discovery_;
  std::map<std::string, int64_t> losses_;        // not reported yet
  std::map<std::string, int64_t> total_losses_;  // since the start
  std::vector<core::Snapshot> evidence_;         // growth profiles, named
  int64_t reports_ = 0;
  std::string last_seen_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

 public:
  ~Agent() { *alive_ = false; }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_AGENT_H_
