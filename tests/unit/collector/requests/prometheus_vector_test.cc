#include "collector/requests/prometheus_vector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::collector::requests {
namespace {

using ::testing::HasSubstr;

std::string Vector(const std::string& rows) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" +
         rows + "]}}";
}

TEST(PrometheusVector, LabelsSayWhoseItIsAndTheOthersAreAttributes) {
  const auto found = ReadPodCounts(
      Vector(R"({"metric":{"namespace":"shop","pod":"web-1","container":"app",)"
             R"("cluster":"prod","city":"oslo","__name__":"x"},)"
             R"("value":[1764450000.1,"12.5"]})"));
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->counts.size(), 1U);
  const PodCount& count = found->counts[0];
  EXPECT_EQ(count.ns, "shop");
  EXPECT_EQ(count.pod, "web-1");
  EXPECT_EQ(count.container, "app");
  EXPECT_EQ(count.cluster, "prod");
  EXPECT_EQ(count.attributes,
            (std::map<std::string, std::string>{{"city", "oslo"}}));
  EXPECT_EQ(count.value, 12.5);
}

TEST(PrometheusVector, GaugesHaveTheNameOfTheirSeries) {
  const auto found = ReadPodGauges(
      Vector(R"({"metric":{"namespace":"s","pod":"p","city":"oslo",)"
             R"("__name__":"vehicles"},"value":[1,"-3"]},)"
             R"({"metric":{"namespace":"s","pod":"p"},"value":[1,"4"]},)"
             R"({"metric":{"namespace":"s","__name__":"x"},"value":[1,"4"]},)"
             R"({"metric":{"namespace":"s","pod":"p"},"value":[1,"NaN"]})"));
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->counts.size(), 2U);
  EXPECT_EQ(found->counts[0].gauge, "vehicles");
  EXPECT_EQ(found->counts[0].value, -3);
  EXPECT_EQ(found->counts[0].attributes,
            (std::map<std::string, std::string>{{"city", "oslo"}}));
  EXPECT_EQ(found->counts[1].gauge, "gauge");
  EXPECT_EQ(found->without_pod, 1);
  EXPECT_EQ(found->unusable, 1);
}

TEST(PrometheusVector, WhatIsNoCountOfAPodIsLeftOutAndCounted) {
  const std::string pod = R"("metric":{"namespace":"s","pod":"p"})";
  const auto found = ReadPodCounts(Vector(
      R"({"metric":{"pod":"p"},"value":[1,"1"]},)"
      R"({"metric":{"namespace":"s"},"value":[1,"1"]},)" +
      ("{" + pod + R"(,"value":[1,"NaN"]},)") +
      ("{" + pod + R"(,"value":[1,"-1"]},)") +
      ("{" + pod + R"(,"value":[1,"1x"]},)") +
      ("{" + pod + R"(,"value":[1,""]},)") + ("{" + pod + R"(,"value":[1]},)") +
      ("{" + pod + "},") + R"(7,{"metric":7,"value":[1,"1"]},)" +
      ("{" + pod + R"(,"value":[1,"3"]})")));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->counts.size(), 1U);
  EXPECT_EQ(found->without_pod, 2);
  EXPECT_EQ(found->unusable, 8);
}

TEST(PrometheusVector, LongLabelsAndManySeriesAreBounded) {
  const std::string row =
      R"({"metric":{"namespace":"s","pod":"p"},"value":[1,"1"]})";
  std::string rows = R"({"metric":{"namespace":"s","pod":"p","a":")" +
                     std::string(kMostLabelBytes + 1, 'x') +
                     R"("},"value":[1,"1"]})";
  for (size_t i = 0; i < kMostSeries + 3; ++i) rows += "," + row;
  const auto found = ReadPodCounts(Vector(rows));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->counts.size(), kMostSeries);
  EXPECT_EQ(found->unusable, 4);
}

TEST(PrometheusVector, AnErrorIsSaidInItsWords) {
  EXPECT_THAT(
      std::string(ReadPodCounts(R"({"status":"error","error":"parse error"})")
                      .status()
                      .message()),
      HasSubstr("refuses the query: parse error"));
  EXPECT_THAT(std::string(ReadPodCounts("<html>").status().message()),
              HasSubstr("no answer of Prometheus"));
  EXPECT_THAT(
      std::string(ReadPodCounts(R"({"status":"success","data":{)"
                                R"("resultType":"matrix","result":[]}})")
                      .status()
                      .message()),
      HasSubstr("no instant vector"));
}

}  // namespace
}  // namespace plimsoll::collector::requests
