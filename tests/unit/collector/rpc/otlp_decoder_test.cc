#include "collector/rpc/otlp_decoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace plimsoll::collector::rpc {
namespace {

namespace common = opentelemetry::proto::common::v1;
namespace metrics = opentelemetry::proto::metrics::v1;
using Request =
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

template <typename Parent>
void Set(Parent* parent, const std::string& key, const std::string& value) {
  common::KeyValue* attribute = parent->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(value);
}

metrics::ScopeMetrics* AddPod(Request* request, const std::string& pod) {
  metrics::ResourceMetrics* resource = request->add_resource_metrics();
  Set(resource->mutable_resource(), "k8s.namespace.name", "shop");
  if (!pod.empty()) Set(resource->mutable_resource(), "k8s.pod.name", pod);
  return resource->add_scope_metrics();
}

metrics::NumberDataPoint* AddSum(metrics::ScopeMetrics* scope,
                                 const std::string& name, double value,
                                 bool delta = false) {
  metrics::Metric* metric = scope->add_metrics();
  metric->set_name(name);
  metrics::Sum* sum = metric->mutable_sum();
  sum->set_is_monotonic(true);
  sum->set_aggregation_temporality(
      delta ? metrics::AGGREGATION_TEMPORALITY_DELTA
            : metrics::AGGREGATION_TEMPORALITY_CUMULATIVE);
  metrics::NumberDataPoint* point = sum->add_data_points();
  point->set_as_double(value);
  return point;
}

OtlpCounts Decode(const Request& request) {
  const auto found = DecodeOtlp(request.SerializeAsString(), {});
  EXPECT_TRUE(found.ok()) << found.status();
  return found.value_or(OtlpCounts{});
}

TEST(OtlpDecoder, SumsAndHistogramsCountRequestsOfAPod) {
  Request request;
  metrics::ScopeMetrics* scope = AddPod(&request, "web-1");
  metrics::NumberDataPoint* point = AddSum(scope, "requests", 12);
  Set(point, "city", "oslo");
  Set(point, "user.id", "u-17");
  metrics::Metric* duration = scope->add_metrics();
  duration->set_name("http.server.request.duration");
  metrics::Histogram* histogram = duration->mutable_histogram();
  histogram->set_aggregation_temporality(
      metrics::AGGREGATION_TEMPORALITY_DELTA);
  metrics::HistogramDataPoint* measured = histogram->add_data_points();
  measured->set_count(3);
  common::KeyValue* status = measured->add_attributes();
  status->set_key("http.response.status_code");
  status->mutable_value()->set_int_value(200);
  const OtlpCounts found = Decode(request);
  ASSERT_EQ(found.counts.size(), 2U);
  const PodCount& sum = found.counts[0].count;
  EXPECT_EQ(sum.ns, "shop");
  EXPECT_EQ(sum.pod, "web-1");
  EXPECT_EQ(sum.value, 12);
  EXPECT_FALSE(sum.is_step);
  EXPECT_EQ(sum.attributes,
            (std::map<std::string, std::string>{{"city", "oslo"}}));
  EXPECT_NE(sum.series.find("user.id=u-17"), std::string::npos);
  const PodCount& count = found.counts[1].count;
  EXPECT_EQ(count.value, 3);
  EXPECT_TRUE(count.is_step);
  EXPECT_EQ(count.attributes.at("http.response.status_code"), "200");
  EXPECT_LT(found.counts[1].metric, found.counts[0].metric);
}

TEST(OtlpDecoder, WhatCountsNoRequestsIsLeftOutAndCounted) {
  Request request;
  metrics::ScopeMetrics* scope = AddPod(&request, "web-1");
  AddSum(scope, "process.cpu.time", 1);
  AddSum(scope, "requests", -1);
  AddSum(scope, "requests", std::nan(""));
  scope->mutable_metrics(2)->mutable_sum()->set_is_monotonic(false);
  AddSum(scope, "requests", 1);
  scope->mutable_metrics(3)->mutable_sum()->set_is_monotonic(false);
  AddSum(scope, "requests", 1);
  scope->mutable_metrics(4)->mutable_sum()->set_aggregation_temporality(
      metrics::AGGREGATION_TEMPORALITY_UNSPECIFIED);
  metrics::Metric* gauge = scope->add_metrics();
  gauge->set_name("requests");
  gauge->mutable_gauge()->add_data_points()->set_as_int(4);
  AddSum(AddPod(&request, ""), "requests", 1);
  const OtlpCounts found = Decode(request);
  EXPECT_TRUE(found.counts.empty());
  EXPECT_EQ(found.points, 7);
  EXPECT_EQ(found.other, 1);
  EXPECT_EQ(found.unusable, 5);
  EXPECT_EQ(found.without_pod, 1);
}

metrics::NumberDataPoint* AddGauge(metrics::ScopeMetrics* scope,
                                   const std::string& name, double value) {
  metrics::Metric* metric = scope->add_metrics();
  metric->set_name(name);
  metrics::NumberDataPoint* point = metric->mutable_gauge()->add_data_points();
  point->set_as_double(value);
  return point;
}

TEST(OtlpDecoder, GaugesAndSumsThatMayFallAreState) {
  Request request;
  metrics::ScopeMetrics* scope = AddPod(&request, "web-1");
  metrics::NumberDataPoint* held = AddGauge(scope, "vehicles", 65'000);
  Set(held, "city", "oslo");
  Set(held, "user.id", "u-17");
  for (const bool delta : {false, true}) {
    Set(AddSum(scope, "queued", 7, delta), "city", "lima");
    scope->mutable_metrics()->rbegin()->mutable_sum()->set_is_monotonic(false);
  }
  AddGauge(scope, "process.memory", 1);  // without an attribute that is kept
  Set(AddGauge(scope, "broken", std::nan("")), "city", "lima");
  Set(AddGauge(AddPod(&request, ""), "vehicles", 1), "city", "oslo");
  const OtlpCounts found = Decode(request);
  EXPECT_TRUE(found.counts.empty());
  ASSERT_EQ(found.gauges.size(), 2U);
  EXPECT_EQ(found.gauges[0].gauge, "vehicles");
  EXPECT_EQ(found.gauges[0].pod, "web-1");
  EXPECT_EQ(found.gauges[0].value, 65'000);
  EXPECT_EQ(found.gauges[0].attributes,
            (std::map<std::string, std::string>{{"city", "oslo"}}));
  EXPECT_EQ(found.gauges[1].gauge, "queued");
  EXPECT_EQ(found.points, 6);
  EXPECT_EQ(found.other, 1);
  EXPECT_EQ(found.unusable, 2) << "steps of a level, and no number";
  EXPECT_EQ(found.without_pod, 1);
}

TEST(OtlpDecoder, GaugesThatTheRulesNameAndNoOthers) {
  Request request;
  metrics::ScopeMetrics* scope = AddPod(&request, "web-1");
  AddGauge(scope, "cache.entries", -1);
  Set(AddGauge(scope, "vehicles", 2), "city", "oslo");
  const auto names = [&request](std::vector<std::string> gauges) {
    OtlpRules rules;
    rules.gauges = std::move(gauges);
    std::vector<std::string> found;
    const auto decoded = DecodeOtlp(request.SerializeAsString(), rules);
    EXPECT_TRUE(decoded.ok());
    for (const PodCount& one : decoded->gauges) found.push_back(one.gauge);
    return found;
  };
  EXPECT_EQ(names({"cache.entries"}),
            (std::vector<std::string>{"cache.entries"}));
  EXPECT_EQ(names({"none"}), std::vector<std::string>{});
  EXPECT_EQ(names({}), (std::vector<std::string>{"vehicles"}));
}

TEST(OtlpDecoder, WorkersOfAPodAreSeriesOfTheirOwn) {
  Request request;
  for (const char* worker : {"1", "2"}) {
    metrics::ScopeMetrics* scope = AddPod(&request, "web-1");
    Set(request.mutable_resource_metrics()->rbegin()->mutable_resource(),
        "service.instance.id", worker);
    AddSum(scope, "requests", 5);
  }
  const OtlpCounts found = Decode(request);
  ASSERT_EQ(found.counts.size(), 2U);
  EXPECT_NE(found.counts[0].count.series, found.counts[1].count.series);
}

TEST(OtlpDecoder, BytesThatAreNoExportAreRefused) {
  EXPECT_EQ(DecodeOtlp("\xff\xff", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(DecodeOtlp("", {}).ok());
  EXPECT_FALSE(DecodeOtlp(std::string(kMaxOtlpBytes + 1, '\0'), {}).ok());
}

}  // namespace
}  // namespace plimsoll::collector::rpc
