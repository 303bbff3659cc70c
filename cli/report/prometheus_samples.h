// The answer of Prometheus' HTTP API to a query (v1, resultType matrix or
// vector), as samples of metrics text. The bytes are foreign. Pure.
#ifndef PLIMSOLL_CLI_REPORT_PROMETHEUS_SAMPLES_H_
#define PLIMSOLL_CLI_REPORT_PROMETHEUS_SAMPLES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "collector/core/backtest/openmetrics.h"

namespace plimsoll::cli {

// Calls `sink` for each sample of a series that has a name; how many there
// were. kInternal when the answer is none of Prometheus', kUnavailable with its
// words when it is an error.
absl::StatusOr<int64_t> ReadPrometheusSamples(
    std::string_view body,
    const std::function<void(const collector::MetricSample&)>& sink);

// The path and query of an instant query; `query` is escaped.
std::string PrometheusQueryPath(std::string_view query, double at_unix_s);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_PROMETHEUS_SAMPLES_H_
