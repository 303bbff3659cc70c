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

double NumberOf(const metrics::NumberDataPoint& point) {
  switch (point.value_case()) {
    case metrics::NumberDataPoint::kAsInt:
      return static_cast<double>(point.as_int());
    case metrics::NumberDataPoint::kAsDouble:
      return point.as_double();
    default:
      return std::nan("");
  }
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
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
    const bool counts = rule != rules_.metrics.end();
    if (!counts && metric.has_gauge()) {
      for (const metrics::NumberDataPoint& p : metric.gauge().data_points()) {
        TakeGauge(metric.name(), p.attributes(), NumberOf(p), whose);
      }
    } else if (!counts && metric.has_sum() && !metric.sum().is_monotonic()) {
      const bool cumulative = metric.sum().aggregation_temporality() ==
                              metrics::AGGREGATION_TEMPORALITY_CUMULATIVE;
      for (const metrics::NumberDataPoint& p : metric.sum().data_points()) {
        TakeGauge(metric.name(), p.attributes(),
                  cumulative ? NumberOf(p) : std::nan(""), whose);
      }
    } else {
      TakeCounts(metric, whose);
    }
  }

  void TakeCounts(const metrics::Metric& metric, const PodCount& whose) {
    if (metric.has_sum()) {
      const bool monotonic = metric.sum().is_monotonic();
      for (const metrics::NumberDataPoint& point : metric.sum().data_points()) {
        TakePoint(point.attributes(),
                  monotonic ? NumberOf(point) : std::nan(""),
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
    } else if (rule_ != rules_.metrics.size()) {
      ++out_->points, ++out_->unusable;  // a gauge or a summary of that name
    }
  }

  void TakePoint(const Attributes& attributes, double value, int temporality,
                 const PodCount& whose) {
    const bool delta = temporality == metrics::AGGREGATION_TEMPORALITY_DELTA;
    const bool cumulative =
        temporality == metrics::AGGREGATION_TEMPORALITY_CUMULATIVE;
    const bool usable =
        std::isfinite(value) && value >= 0 && (delta || cumulative);
    auto one =
        Take(attributes, value, usable, rule_ < rules_.metrics.size(), whose);
    if (!one) return;
    one->is_step = delta;
    out_->counts.push_back({*std::move(one), rule_});
  }

  void TakeGauge(const std::string& name, const Attributes& attributes,
                 double value, const PodCount& whose) {
    auto one = Take(attributes, value,
                    std::isfinite(value) && name.size() <= kMostBytes,
                    WantsGauge(name, attributes), whose);
    if (!one) return;
    one->gauge = name;
    out_->gauges.push_back(*std::move(one));
  }

  bool WantsGauge(const std::string& name, const Attributes& attributes) const {
    if (name.empty()) return false;
    if (!rules_.gauges.empty()) return Has(rules_.gauges, name);
    return std::any_of(attributes.begin(), attributes.end(),
                       [this](const auto& attribute) {
                         return Has(rules_.attributes, attribute.key());
                       });
  }

  // Nothing: it is not wanted, nobody's or not usable, and counted so.
  std::optional<PodCount> Take(const Attributes& attributes, double value,
                               bool usable, bool wanted,
                               const PodCount& whose) {
    ++out_->points;
    if (!wanted) {
      ++out_->other;
      return std::nullopt;
    }
    if (whose.ns.empty() || whose.pod.empty()) {
      ++out_->without_pod;
      return std::nullopt;
    }
    PodCount one = whose;
    one.series += SeriesText(attributes);
    if (!usable || out_->points > kMaxOtlpPoints ||
        one.series.size() > kMostSeriesBytes) {
      ++out_->unusable;
      return std::nullopt;
    }
    for (const common::KeyValue& attribute : attributes) {
      if (!Has(rules_.attributes, attribute.key())) continue;
      const auto text = TextOf(attribute.value());
      if (text && text->size() <= kMostBytes) {
        one.attributes[attribute.key()] = *text;
      }
    }
    one.value = value;
    return one;
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
