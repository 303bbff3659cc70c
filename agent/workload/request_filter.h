// Which counters and gauges leave the node, and with which labels. Pure; any
// thread.
//
// A series keeps the allowed labels only; series that then look alike are
// summed. At most kMaxValues values of one label are kept per process and
// metric, those with the most requests; the rest are "__other__". Of gauges at
// most kMaxGauges, by name.
#ifndef PLIMSOLL_AGENT_WORKLOAD_REQUEST_FILTER_H_
#define PLIMSOLL_AGENT_WORKLOAD_REQUEST_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/snapshot.h"

namespace plimsoll::workload {

inline constexpr size_t kMaxValues = 50;
inline constexpr size_t kMaxValueBytes = 128;
inline constexpr size_t kMaxGauges = 8;
inline constexpr std::string_view kOther = "__other__";

struct RequestFilter {
  std::vector<std::string> labels;
  // Empty: counters whose name ends in requests_total or requests.
  std::vector<std::string> metrics{};
  // Empty: gauges that have one of `labels`, whatever their name.
  std::vector<std::string> gauges{};

  bool Wants(std::string_view metric) const;
  bool WantsGauge(const core::RequestCount& gauge) const;
};

// Drops, sums and caps. The result is sorted by metric and attributes, gauges
// last.
core::RequestCounts FilterRequests(const RequestFilter& filter,
                                   std::vector<core::RequestCount> counts);

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_REQUEST_FILTER_H_
