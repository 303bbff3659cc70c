#include "agent/workload/request_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::workload {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

core::RequestCount Count(
    std::string metric, std::vector<std::pair<std::string, std::string>> labels,
    double value) {
  return {std::move(metric), std::move(labels), value, false};
}

TEST(RequestFilterTest, OnlyAllowedLabelsLeaveAndTheRestIsSummed) {
  RequestFilter filter{{"city"}, {}};
  auto result = FilterRequests(
      filter, {Count("app_requests_total", {{"city", "sf"}, {"user", "1"}}, 2),
               Count("app_requests_total", {{"user", "2"}, {"city", "sf"}}, 3),
               Count("app_errors_total", {{"city", "sf"}}, 9)});
  ASSERT_EQ(result.counts.size(), 1u);
  EXPECT_EQ(result.counts[0].value, 5);
  EXPECT_THAT(result.counts[0].attributes, ElementsAre(Pair("city", "sf")));
}

TEST(RequestFilterTest, DefaultMetricsAreRequestCounters) {
  RequestFilter filter;
  EXPECT_TRUE(filter.Wants("http_requests_total"));
  EXPECT_TRUE(filter.Wants("requests"));
  EXPECT_FALSE(filter.Wants("requests_created"));
  filter.metrics = {"vehicles"};
  EXPECT_TRUE(filter.Wants("vehicles"));
  EXPECT_FALSE(filter.Wants("http_requests_total"));
}

TEST(RequestFilterTest, ValuesPastTheCapAreOther) {
  RequestFilter filter{{"city"}, {}};
  std::vector<core::RequestCount> counts;
  double total = 0;
  for (int i = 0; i < 200; ++i) {
    counts.push_back(
        Count("requests_total", {{"city", "c" + std::to_string(i)}}, i));
    total += i;
  }
  auto result = FilterRequests(filter, std::move(counts));
  EXPECT_EQ(result.counts.size(), kMaxValues + 1);
  double sum = 0;
  double other = 0;
  for (const core::RequestCount& count : result.counts) {
    sum += count.value;
    if (count.attributes[0].second == kOther) other += count.value;
  }
  EXPECT_EQ(sum, total);  // nothing is lost, only its name
  EXPECT_EQ(other, 149.0 * 150 / 2);
  EXPECT_EQ(result.other_count, other);
}

core::RequestCount Gauge(
    std::string metric, std::vector<std::pair<std::string, std::string>> labels,
    double value) {
  return {std::move(metric), std::move(labels), value, true};
}

TEST(RequestFilterTest, GaugesLeaveThatHaveAnAllowedLabel) {
  RequestFilter filter{{"city"}};
  auto result = FilterRequests(
      filter, {Gauge("vehicles", {{"city", "sf"}, {"kind", "bus"}}, 2),
               Gauge("vehicles", {{"city", "sf"}, {"kind", "car"}}, 3),
               Gauge("workers", {{"state", "idle"}}, 9), Gauge("load", {}, 1),
               Count("app_requests_total", {{"city", "sf"}}, 7)});
  ASSERT_EQ(result.counts.size(), 2u);
  EXPECT_FALSE(result.counts[0].gauge);
  EXPECT_TRUE(result.counts[1].gauge);
  EXPECT_EQ(result.counts[1].metric, "vehicles");
  EXPECT_EQ(result.counts[1].value, 5);
  filter.gauges = {"load"};
  result = FilterRequests(
      filter, {Gauge("vehicles", {{"city", "sf"}}, 2), Gauge("load", {}, 1)});
  ASSERT_EQ(result.counts.size(), 1u);
  EXPECT_EQ(result.counts[0].metric, "load");
}

TEST(RequestFilterTest, GaugesPastTheCapAreLeftOutAndSaidToBe) {
  RequestFilter filter{{"city"}};
  std::vector<core::RequestCount> counts;
  for (size_t i = 0; i <= kMaxGauges; ++i) {
    counts.push_back(Gauge("g" + std::to_string(i), {{"city", "sf"}}, 1));
  }
  auto all = counts;
  all.pop_back();
  EXPECT_FALSE(FilterRequests(filter, all).capped);
  const auto result = FilterRequests(filter, counts);
  EXPECT_TRUE(result.capped);
  EXPECT_EQ(result.counts.size(), kMaxGauges);
  EXPECT_EQ(result.other_count, 0);  // they are no requests
}

TEST(RequestFilterTest, LongValuesAreNotShipped) {
  RequestFilter filter{{"city"}, {}};
  auto result = FilterRequests(
      filter, {Count("requests", {{"city", std::string(1000, 'x')}}, 1)});
  EXPECT_EQ(result.counts[0].attributes[0].second, kOther);
}

}  // namespace
}  // namespace plimsoll::workload
