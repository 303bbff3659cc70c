#include "collector/rpc/otlp_decoder.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace plimsoll::collector::rpc {
namespace {

namespace common = opentelemetry::proto::common::v1;
namespace metrics = opentelemetry::proto::metrics::v1;
using Request =
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
using Attributes = google::protobuf::RepeatedPtrField<common::KeyValue>;

constexpr size_t kMostBytes = 200;  // of a name or a value
constexpr size_t kMostSeriesBytes = 4096;

// Of a string, number or truth value; nothing for lists and the like.
std::optional<std::string> TextOf(const common::AnyValue& value) {
  switch (value.value_case()) {
    case common::AnyValue::kStringValue:
      return value.string_value();
    case common::AnyValue::kIntValue:
      return std::to_string(value.int_value());
    case common::AnyValue::kBoolValue:
      return value.bool_value() ? "true" : "false";
    default:
      return std::nullopt;
  }
}

// Tells one counter from another: all attributes, in a fixed order.
std::string SeriesText(const Attributes& attributes) {
  std::vector<std::string> parts;
  for (const common::KeyValue& attribute : attributes) {
    parts.push_back(attribute.key() + "=" +
                    TextOf(attribute.value()).value_or("?"));
  }
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const std::string& part : parts) text += part + "\n";
  return text;
}

class Reader {
 public:
  Reader(const OtlpRules& rules, OtlpCounts* out) : rules_(rules), out_(out) {}

  void Take(const metrics::ResourceMetrics& resource) {
    PodCount whose;
    for (const common::KeyValue& attribute : resource.resource().attributes()) {
      const auto text = TextOf(attribute.value());
      if (!text || text->size() > kMostBytes) continue;
      if (attribute.key() == "k8s.namespace.name") whose.ns = *text;
      if (attribute.key() == "k8s.pod.name") whose.pod = *text;
      if (attribute.key() == "k8s.container.name") whose.container = *text;
      if (attribute.key() == "k8s.cluster.name") whose.cluster = *text;
    }
    // A worker exports for itself: its counters are its own.
    whose.series = SeriesText(resource.resource().attributes());
    for (const metrics::ScopeMetrics& scope : resource.scope_metrics()) {
      for (const metrics::Metric& metric : scope.metrics()) {
        TakeMetric(metric, whose);
      }
    }
  }

 private:
  void TakeMetric(const metrics::Metric& metric, const PodCount& whose) {
    const auto rule =
        std::find(rules_.metrics.begin(), rules_.metrics.end(), metric.name());
    rule_ = static_cast<size_t>(rule - rules_.metrics.begin());
    if (metric.has_sum()) {
      const bool monotonic = metric.sum().is_monotonic();
      for (const metrics::NumberDataPoint& point : metric.sum().data_points()) {
        const double value =
            point.value_case() == metrics::NumberDataPoint::kAsInt
                ? static_cast<double>(point.as_int())
            : point.value_case() == metrics::NumberDataPoint::kAsDouble
                ? point.as_double()
                : std::nan("");
        TakePoint(point.attributes(), monotonic ? value : std::nan(""),
                  metric.sum().aggregation_temporality(), whose);
      }
    } else if (metric.has_histogram()) {
      for (const auto& point : metric.histogram().data_points()) {
        TakePoint(point.attributes(), static_cast<double>(point.count()),
                  metric.histogram().aggregation_temporality(), whose);
      }
    } else if (metric.has_exponential_histogram()) {
      const auto& histogram = metric.exponential_histogram();
      for (const auto& point : histogram.data_points()) {
        TakePoint(point.attributes(), static_cast<double>(point.count()),
                  histogram.aggregation_temporality(), whose);
      }
    } else if (rule != rules_.metrics.end()) {
      ++out_->points, ++out_->unusable;  // a gauge or a summary of that name
    }
  }

  void TakePoint(const Attributes& attributes, double value, int temporality,
                 const PodCount& whose) {
    const bool delta = temporality == metrics::AGGREGATION_TEMPORALITY_DELTA;
    ++out_->points;
    if (rule_ == rules_.metrics.size()) {
      ++out_->other;
      return;
    }
    if (whose.ns.empty() || whose.pod.empty()) {
      ++out_->without_pod;
      return;
    }
    OtlpCount one{whose, rule_};
    one.count.series += SeriesText(attributes);
    const bool cumulative =
        temporality == metrics::AGGREGATION_TEMPORALITY_CUMULATIVE;
    if (!std::isfinite(value) || value < 0 || (!delta && !cumulative) ||
        out_->points > kMaxOtlpPoints ||
        one.count.series.size() > kMostSeriesBytes) {
      ++out_->unusable;
      return;
    }
    for (const common::KeyValue& attribute : attributes) {
      const bool kept =
          std::find(rules_.attributes.begin(), rules_.attributes.end(),
                    attribute.key()) != rules_.attributes.end();
      if (!kept) continue;
      const auto text = TextOf(attribute.value());
      if (text && text->size() <= kMostBytes) {
        one.count.attributes[attribute.key()] = *text;
      }
    }
    one.count.value = value;
    one.count.is_step = delta;
    out_->counts.push_back(std::move(one));
  }

  const OtlpRules& rules_;
  OtlpCounts* const out_;
  size_t rule_ = 0;  // of the metric that is read
};

}  // namespace

absl::StatusOr<OtlpCounts> DecodeOtlp(std::string_view bytes,
                                      const OtlpRules& rules) {
  google::protobuf::Arena arena;
  auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena);
  if (bytes.size() > kMaxOtlpBytes ||
      !request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(
        "these bytes are no ExportMetricsServiceRequest of OTLP");
  }
  OtlpCounts out;
  Reader reader(rules, &out);
  for (const metrics::ResourceMetrics& resource : request->resource_metrics()) {
    reader.Take(resource);
  }
  return out;
}

}  // namespace plimsoll::collector::rpc
