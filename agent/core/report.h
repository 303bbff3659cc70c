// What one node says in one batch; agent/export encodes it as
// plimsoll.v1.Batch. Plain values.
#ifndef PLIMSOLL_AGENT_CORE_REPORT_H_
#define PLIMSOLL_AGENT_CORE_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/memory_sample.h"
#include "agent/core/process.h"
#include "agent/core/python_layout.h"
#include "agent/core/snapshot.h"

namespace plimsoll::core {

struct DescribedProcess {
  ProcessDescription description;
  // Absent when the interpreter could not be read; then `refusal` says why.
  std::optional<PythonBuild> python;
  std::string allocator;
  std::string refusal;
  std::vector<TierStatus> tiers;
};

// What the agent itself costs, and what its probes cost the targets.
struct AgentUsage {
  int64_t rss_bytes = 0;
  int64_t cpu_ns = 0;
  int64_t probe_hits = 0;
  int64_t probe_cost_ns = 0;
  std::string attach_rung;
};

struct NodeReport {
  std::string boot_id;
  std::string node;
  int64_t boottime_ns = 0;
  int64_t wall_offset_ns = 0;  // unix time - boot time
  std::vector<DescribedProcess> processes;
  std::vector<Snapshot> snapshots;
  std::optional<NodeSample> node_sample;
  AgentUsage usage;
  std::map<std::string, int64_t> losses;  // of the agent, by reason
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_REPORT_H_
