#include "collector/rpc/otlp_json.h"

#include <gtest/gtest.h>

#include <string>

#include "collector/rpc/otlp_decoder.h"

namespace plimsoll::collector::rpc {
namespace {

// As the protocol's examples have it: enums by number, 64-bit numbers as
// strings, ids in hexadecimal, a field that no version has.
constexpr char kExport[] = R"({"resourceMetrics": [{"resource": {"attributes": [
  {"key": "k8s.namespace.name", "value": {"stringValue": "shop"}},
  {"key": "k8s.pod.name", "value": {"stringValue": "web-1"}}]},
  "scopeMetrics": [{"scope": {"name": "shop"}, "metrics": [
   {"name": "requests", "unit": "1", "sum": {"aggregationTemporality": 2,
    "isMonotonic": true, "dataPoints": [{
     "startTimeUnixNano": "1544712660300000000",
     "timeUnixNano": "1544712660300000001", "asInt": "12",
     "exemplars": [{"traceId": "5b8efff798038103d269b633813fc60c",
                    "spanId": "eee19b7ec3c1b174", "asDouble": 1}],
     "attributes": [{"key": "city", "value": {"stringValue": "oslo"}}]}]}},
   {"name": "rpc.server.duration", "histogram": {
    "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
    "dataPoints": [{"count": 3, "sum": 0.5, "bucketCounts": ["1", "2"],
                    "explicitBounds": [0.1]}]}}]}],
  "ofTheFuture": {"a": [1, null]}}], "alsoNew": 7})";

TEST(OtlpJson, IsTheSameExport) {
  const auto bytes = OtlpBytesOfJson(kExport);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto found = DecodeOtlp(*bytes, {});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->counts.size(), 2u);
  const PodCount& sum = found->counts[0].count;
  EXPECT_EQ(sum.ns, "shop");
  EXPECT_EQ(sum.pod, "web-1");
  EXPECT_EQ(sum.value, 12);
  EXPECT_FALSE(sum.is_step);
  EXPECT_EQ(sum.attributes.at("city"), "oslo");
  EXPECT_EQ(found->counts[1].count.value, 3);
  EXPECT_TRUE(found->counts[1].count.is_step);
  EXPECT_EQ(OtlpBytesOfJson("{}").value(), "");
}

TEST(OtlpJson, WhatIsNoneIsRefused) {
  for (const std::string& bad :
       {std::string(), std::string("{"), std::string("[]x"),
        std::string(R"({"resourceMetrics": 7})"),
        std::string(R"({"resourceMetrics": [{"resource": "text"}]})"),
        std::string(kExport).substr(0, 700), std::string(100'000, '['),
        std::string("\xff\xfe")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(OtlpBytesOfJson(bad).status()))
        << bad.substr(0, 50);
  }
  EXPECT_FALSE(OtlpBytesOfJson(std::string(kMaxOtlpBytes + 1, ' ')).ok());
}

}  // namespace
}  // namespace plimsoll::collector::rpc
