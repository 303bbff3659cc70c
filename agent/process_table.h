// ProcessTable holds the Python processes that are watched, reads tier 0 of
// each, attaches tier 1, and turns what is known of them into snapshots. Loop
// thread only; owned by Agent.
#ifndef PLIMSOLL_AGENT_PROCESS_TABLE_H_
#define PLIMSOLL_AGENT_PROCESS_TABLE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/config.h"
#include "agent/core/clock.h"
#include "agent/core/pod_directory.h"
#include "agent/core/ports.h"
#include "agent/core/probe_port.h"
#include "agent/core/report.h"
#include "agent/core/request_port.h"
#include "agent/procfs/cgroup_reader.h"
#include "agent/procfs/proc_root.h"
#include "agent/request_sources.h"
#include "agent/watched_process.h"

namespace plimsoll::agent {

class ProcessTable {
 public:
  // `probes` is null where BPF is not available; `no_probes` then says why.
  // `pods` is null where no cluster is known, `requests` where nothing is
  // asked.
  ProcessTable(const Config& config, procfs::ProcRoot proc,
               procfs::CgroupReader cgroups, core::ProbePort* probes,
               std::string no_probes, const core::PodDirectory* pods,
               core::RequestPort* requests, core::Clock* clock,
               int64_t ticks_per_second);

  void Add(const core::ProcessId& id,
           absl::StatusOr<core::PythonProcess> python);
  // The last snapshot of it: its last sample, marked as exited. Nothing when it
  // is not (or no longer) in the table.
  void Remove(const core::ProcessId& id);
  void MarkOomVictim(int32_t pid);

  WatchedProcess* Find(const core::ProcessId& id);
  std::map<core::ProcessId, WatchedProcess>& processes() { return processes_; }

  // Tier 0 of all, now. Returns those that are no longer there, for Remove.
  std::vector<core::ProcessId> SampleMemory();
  // One snapshot per process of what came since the last call, the snapshots
  // of those that ended, and descriptions of those the collector does not know.
  std::vector<core::Snapshot> TakeSnapshots();
  std::vector<core::DescribedProcess> TakeDescriptions();
  // A collector that knows nothing is there: describe all again.
  void ForgetDescribed();

  // Growth profiles whose stacks are to be named before they can be reported.
  struct PendingProfile {
    core::ProcessId id;
    core::RawProfile raw;
  };
  std::vector<PendingProfile> TakeProfiles();

 private:
  void Describe(const core::ProcessId& id, WatchedProcess& process);
  void AskForPodsAgain();
  void AttachTier1(const core::ProcessId& id, WatchedProcess& process);
  void AttachNativeGrowth(const core::ProcessId& id, WatchedProcess& process);
  void SetStaticTiers(WatchedProcess& process);
  void SetProbedTiers(WatchedProcess& process);
  std::optional<core::CgroupMemory> ReadCgroup(
      const procfs::CgroupMembership& membership);
  bool SampleOne(const core::ProcessId& id, WatchedProcess& process);
  core::Snapshot TakeSnapshot(const core::ProcessId& id,
                              WatchedProcess& process, bool exited);
  static void TellTier1(const core::Tier1Sample& sample,
                        WatchedProcess& process);
  static void TellNativeGrowth(const std::string& refusal,
                               WatchedProcess& process);
  void CollectTier1(const core::ProcessId& id, WatchedProcess& process,
                    core::Snapshot& snapshot);

  const Config& config_;
  procfs::ProcRoot proc_;
  procfs::CgroupReader cgroups_;
  core::ProbePort* const probes_;
  const std::string no_probes_;
  const core::PodDirectory* const pods_;
  uint64_t pods_generation_ = 0;
  core::Clock* const clock_;
  const int64_t ticks_per_second_;
  RequestSources requests_;
  std::map<core::ProcessId, WatchedProcess> processes_;
  // Of this round of samples: processes of one pod share their cgroup's files.
  std::map<std::string, std::optional<core::CgroupMemory>> round_cgroups_;
  std::vector<core::Snapshot> ended_;
  std::vector<core::DescribedProcess> ended_descriptions_;
  std::vector<PendingProfile> profiles_;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_PROCESS_TABLE_H_
