// Parser of what a process answers to GET /metrics: Prometheus' text formats
// 0.0.4 and 1.0.0 and OpenMetrics 1.0, of which the Content-Type says one. Only
// request counters and wanted gauges are kept. Pure; any thread; the text is
// the target's, so every line and their number are bounded, and one bad line
// refuses it whole: what is half understood would be counted wrongly.
#ifndef PLIMSOLL_AGENT_WORKLOAD_METRICS_TEXT_H_
#define PLIMSOLL_AGENT_WORKLOAD_METRICS_TEXT_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/snapshot.h"
#include "agent/workload/request_filter.h"

namespace plimsoll::workload {

// What is asked for, best first. Names that are no plain words are asked for
// as such: the agent compares them with those of its configuration.
inline constexpr char kMetricsAccept[] =
    "application/openmetrics-text;version=1.0.0,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.7,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

enum class MetricsFormat : uint8_t { kText, kOpenMetrics };

// "" is text 0.0.4, as all of them began. kInvalidArgument: another kind, by
// name.
absl::StatusOr<MetricsFormat> ParseMetricsContentType(std::string_view type);

inline constexpr size_t kMostCounters = 20'000;

struct MetricsText {
  std::vector<core::RequestCount> counts;  // those that the filter wants
  std::optional<double> start_unix_s;      // process_start_time_seconds
  std::optional<double> pid;               // process_pid
  // The least X_created of a counter that is wanted.
  std::optional<double> first_created_unix_s;
  int64_t samples = 0;  // in all
};

// kInvalidArgument names the line, or says that OpenMetrics' end is missing:
// the answer was cut. kOutOfRange: over kMostCounters counters.
absl::StatusOr<MetricsText> ParseMetricsText(std::string_view text,
                                             MetricsFormat format,
                                             const RequestFilter& filter);

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_METRICS_TEXT_H_
