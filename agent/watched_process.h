// What the agent holds of one process that runs Python. Loop thread only.
#ifndef PLIMSOLL_AGENT_WATCHED_PROCESS_H_
#define PLIMSOLL_AGENT_WATCHED_PROCESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/census_schedule.h"
#include "agent/core/pod_directory.h"
#include "agent/core/process.h"
#include "agent/core/python_layout.h"
#include "agent/core/snapshot.h"
#include "agent/procfs/cgroup_text.h"

namespace plimsoll::agent {

struct WatchedProcess {
  core::ProcessDescription description;
  std::optional<core::PythonProcess> python;  // absent: refused
  std::string refusal;
  // It runs CPython, of a build that cannot be read: its growth may still be
  // sampled by native stacks.
  bool refused_by_name = false;
  bool native_growth = false;
  procfs::CgroupMembership cgroup;
  procfs::CgroupNames cgroup_names;
  bool pod_known = false;  // the cluster said all of it
  core::PodScrape scrape;  // of its pod
  // PROMETHEUS_MULTIPROC_DIR of its environment; "" when not set.
  std::string multiprocess_directory;
  std::string environment_refusal;         // why it is not known; "": it is
  std::vector<std::string> request_files;  // mapped *.db files, as last seen
  int64_t next_request_scan_ns = 0;

  core::CensusSchedule schedule;
  bool census_running = false;
  bool deferred = false;  // a due census waits for CPU budget

  // Since the last report.
  std::optional<core::MemorySample> memory;
  std::optional<core::HeapCensus> census;
  bool census_headers_only = false;
  int64_t census_boottime_ns = 0;
  std::map<std::string, int64_t> losses;

  // For as long as it lives.
  std::optional<core::MemorySample> last_memory;
  // Pauses wait here for the next reading of the collector's own counts: a
  // sample with pauses alone would show its counts as zero.
  std::vector<core::GcPauses> pauses;
  bool gc_state_seen = false;
  std::string gc_rung;  // "" where the collector cannot be probed at all
  std::string growth_rung;
  // Why births, or the growth of malloc, were not followed when they were
  // last asked for; "" when they were, or nobody asked.
  std::string births_refusal;
  std::string native_refusal;
  std::map<core::Tier, core::TierStatus> tiers;
  bool tiers_changed = true;
  bool described = false;  // the collector was told who it is
  bool oom_killed = false;

  void SetTier(core::Tier tier, bool ok, std::string reason, std::string rung) {
    core::TierStatus status{tier, ok, std::move(reason), std::move(rung)};
    core::TierStatus& known = tiers[tier];
    if (known.tier == status.tier && known.ok == status.ok &&
        known.reason == status.reason && known.rung == status.rung) {
      return;
    }
    known = std::move(status);
    tiers_changed = true;
  }
  std::vector<core::TierStatus> TierList() const {
    std::vector<core::TierStatus> list;
    for (const auto& [tier, status] : tiers) list.push_back(status);
    return list;
  }
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_WATCHED_PROCESS_H_
