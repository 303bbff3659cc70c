// The agent's own metrics, prefixed plimsoll_, as Prometheus text. Rendered on
// the loop thread from an Agent::Status; the text is then served by
// MetricsServer. Nothing here is on a hot path.
#ifndef PLIMSOLL_AGENT_SELF_METRICS_H_
#define PLIMSOLL_AGENT_SELF_METRICS_H_

#include <cstdint>
#include <map>
#include <string>

#include "agent/agent.h"

namespace plimsoll::agent {

// What is not the agent's to know: the way to the collector.
struct TransportStatus {
  bool has_collector = false;
  bool connected = false;
  int64_t connections = 0;
  int64_t batches_sent = 0;
  uint64_t acknowledged_seq = 0;
  int64_t spool_bytes = 0;
  int64_t spool_batches = 0;  // not acknowledged yet
  std::map<std::string, int64_t> losses;
};

// What the cluster tells about pods.
struct PodsStatus {
  bool watched = false;  // there is a cluster
  bool connected = false;
  int64_t known = 0;
  int64_t lists = 0, events = 0, bad_events = 0, failures = 0;
};

std::string RenderMetrics(const Agent::Status& agent,
                          const TransportStatus& transport,
                          const PodsStatus& pods, const std::string& version);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_SELF_METRICS_H_
