#include "collector/requests/prometheus_vector.h"

#include <string>
#include <utility>

#include "collector/core/ingest/prometheus_answer.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::requests {
namespace {

// False: it cannot be used.
bool TakeLabels(const PrometheusSeries& series, PodCount& count) {
  for (const auto& [name, text] : series.labels) {
    if (name == "__name__" && count.gauge.empty()) continue;
    if (name.size() > kMostLabelBytes || text.size() > kMostLabelBytes) {
      return false;
    }
    if (name == "namespace") {
      count.ns = text;
    } else if (name == "pod") {
      count.pod = text;
    } else if (name == "cluster") {
      count.cluster = text;
    } else if (name == "container") {
      count.container = text;
    } else if (name == "__name__") {
      count.gauge = text;
    } else {
      count.attributes[name] = text;
    }
  }
  return count.attributes.size() <= kMostAttributes;
}

// `gauge`: its name without one of its own; "": it counts requests.
void Take(const PrometheusSeries& series, const std::string& gauge,
          PodCounts& out) {
  PodCount count;
  count.gauge = gauge;
  if (out.counts.size() >= kMostSeries || series.points.size() != 1 ||
      (gauge.empty() && series.points[0].value < 0) ||
      !TakeLabels(series, count)) {
    ++out.unusable;
  } else if (count.ns.empty() || count.pod.empty()) {
    ++out.without_pod;
  } else {
    count.value = series.points[0].value;
    out.counts.push_back(std::move(count));
  }
}

absl::StatusOr<PodCounts> Read(std::string_view body,
                               const std::string& gauge) {
  PodCounts out;
  PLIMSOLL_ASSIGN_OR_RETURN(
      const PrometheusAnswer answer,
      ReadPrometheusAnswer(
          body, [&](const PrometheusSeries& s) { Take(s, gauge, out); }));
  if (answer.type != "vector") {
    return absl::InternalError(
        "the query gives no instant vector: it shall give one value for each "
        "pod and attributes, such as sum by (namespace, pod, city) "
        "(http_requests_total)");
  }
  out.unusable += answer.unusable;
  return out;
}

}  // namespace

absl::StatusOr<PodCounts> ReadPodCounts(std::string_view body) {
  return Read(body, "");
}

absl::StatusOr<PodCounts> ReadPodGauges(std::string_view body) {
  return Read(body, "gauge");
}

}  // namespace plimsoll::collector::requests
