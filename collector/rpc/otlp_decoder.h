// opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest bytes ->
// counts of requests by pod. The bytes come from the network: every part that
// is none of what is wanted is left out and counted. Pure; any thread.
//
// What is taken: monotonic sums, and the counts of histograms (each request is
// one measurement of its duration), cumulative or delta, whose name the rules
// have. And state: gauges, and sums that may fall (cumulative ones). The
// resource says whose they are: k8s.namespace.name, k8s.pod.name,
// k8s.container.name, k8s.cluster.name (semantic conventions 1.x).
#ifndef PLIMSOLL_COLLECTOR_RPC_OTLP_DECODER_H_
#define PLIMSOLL_COLLECTOR_RPC_OTLP_DECODER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/history/pod_counts.h"

namespace plimsoll::collector::rpc {

struct OtlpRules {
  // Names of metrics that count requests. Where a pod has several, the first of
  // this list that it was seen with counts; they count the same requests.
  std::vector<std::string> metrics = {
      "http.server.request.duration", "http.server.duration",
      "http.server.requests", "rpc.server.duration", "requests"};
  // Attributes that are kept; what differs by others only is added up.
  std::vector<std::string> attributes = {"city",
                                         "outcome",
                                         "endpoint",
                                         "method",
                                         "status",
                                         "http.route",
                                         "http.request.method",
                                         "http.response.status_code"};
  // Names of gauges; empty: those that have one of `attributes`.
  std::vector<std::string> gauges = {};
};

struct OtlpCount {
  PodCount count;
  size_t metric = 0;  // place in OtlpRules::metrics
};

struct OtlpCounts {
  std::vector<OtlpCount> counts;
  std::vector<PodCount> gauges;
  int64_t points = 0;       // data points in all
  int64_t other = 0;        // of them, of metrics that the rules have not
  int64_t without_pod = 0;  // of resources that name no pod or namespace
  int64_t unusable = 0;     // no monotonic sum, no number, past the limits
};

inline constexpr size_t kMaxOtlpBytes = 4 << 20;
inline constexpr int64_t kMaxOtlpPoints = 50'000;

// kInvalidArgument: bytes that do not parse.
absl::StatusOr<OtlpCounts> DecodeOtlp(std::string_view bytes,
                                      const OtlpRules& rules);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_OTLP_DECODER_H_
