// The answer of Prometheus' HTTP API to a query, series by series: an instant
// vector, or a matrix. The bytes are foreign: what is no series or no finite
// number is left out. Pure.
//
// Format: https://prometheus.io/docs/prometheus/latest/querying/api/
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_PROMETHEUS_ANSWER_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_PROMETHEUS_ANSWER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::collector {

struct PrometheusPoint {
  double unix_s = 0;  // from 1970 to the year 2223
  double value = 0;   // finite
};

struct PrometheusSeries {
  std::map<std::string, std::string> labels;  // __name__ with them
  std::vector<PrometheusPoint> points;        // of a vector one, or none
};

struct PrometheusAnswer {
  std::string type;      // "vector", "matrix", "scalar"; "" where it says none
  int64_t series = 0;    // given to the sink
  int64_t unusable = 0;  // rows that are no series
};

// kInternal: no answer of this API. kUnavailable: its error, in its words.
absl::StatusOr<PrometheusAnswer> ReadPrometheusAnswer(
    std::string_view body, const std::function<void(PrometheusSeries)>& sink);

// kInternal, with how it begins.
absl::Status NotPrometheusError(std::string_view body);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_PROMETHEUS_ANSWER_H_
