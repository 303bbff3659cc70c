// Counts by pod in the answer of a Prometheus to an instant query: the labels
// namespace and pod say whose they are, cluster and container narrow that down,
// all others are attributes of the requests. The bytes are foreign: what is no
// count of a pod is left out and counted. Pure.
//
// Format: https://prometheus.io/docs/prometheus/latest/querying/api/
#ifndef PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS_VECTOR_H_
#define PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS_VECTOR_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/history/pod_counts.h"

namespace plimsoll::collector::requests {

inline constexpr size_t kMostSeries = 20'000;   // of an answer
inline constexpr size_t kMostAttributes = 8;    // of a series
inline constexpr size_t kMostLabelBytes = 200;  // of a name or a value

struct PodCounts {
  std::vector<PodCount> counts;  // or gauges
  int64_t without_pod = 0;       // no namespace, or no pod
  int64_t unusable = 0;          // no number, too many labels, past the limits
};

// kInternal: no answer of this API. kUnavailable: its error, in its words.
absl::StatusOr<PodCounts> ReadPodCounts(std::string_view body);
// The same of state: the series' own name is the gauge's, "gauge" where the
// query has dropped it; values may be below zero.
absl::StatusOr<PodCounts> ReadPodGauges(std::string_view body);

}  // namespace plimsoll::collector::requests

#endif  // PLIMSOLL_COLLECTOR_REQUESTS_PROMETHEUS_VECTOR_H_
