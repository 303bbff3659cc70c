#include "collector/core/ingest/prometheus_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::collector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Read {
  absl::StatusOr<PrometheusAnswer> answer;
  std::vector<PrometheusSeries> series;
};

Read ReadAll(std::string_view body) {
  Read out;
  out.answer = ReadPrometheusAnswer(body, [&out](PrometheusSeries series) {
    out.series.push_back(std::move(series));
  });
  return out;
}

TEST(PrometheusAnswer, AMatrixHasPointsAndAVectorOne) {
  const Read matrix =
      ReadAll(R"({"status":"success","data":{"resultType":"matrix","result":[)"
              R"({"metric":{"__name__":"m","pod":"p"},)"
              R"("values":[[1700000000.125,"2.5"],[1700000015,"-3e2"]]}]}})");
  ASSERT_TRUE(matrix.answer.ok()) << matrix.answer.status();
  EXPECT_EQ(matrix.answer->type, "matrix");
  EXPECT_EQ(matrix.answer->series, 1);
  ASSERT_EQ(matrix.series.size(), 1u);
  EXPECT_THAT(matrix.series[0].labels,
              ElementsAre(Pair("__name__", "m"), Pair("pod", "p")));
  ASSERT_EQ(matrix.series[0].points.size(), 2u);
  EXPECT_EQ(matrix.series[0].points[0].unix_s, 1700000000.125);
  EXPECT_EQ(matrix.series[0].points[1].value, -300);

  const Read vector = ReadAll(R"({"data":{"resultType":"vector","result":[)"
                              R"({"metric":{},"value":[1,"7"]}]}})");
  ASSERT_EQ(vector.series.size(), 1u);
  ASSERT_EQ(vector.series[0].points.size(), 1u);
  EXPECT_EQ(vector.series[0].points[0].value, 7);
}

TEST(PrometheusAnswer, WhatIsNoFiniteNumberIsNoPoint) {
  const Read read = ReadAll(
      R"({"data":{"result":[{"metric":{},"values":[[1,"NaN"],[1,"+Inf"],)"
      R"([1,""],[1,"1x"],[1," 1"],[1,2],["1","1"],[-1,"1"],[9e9,"1"],)"
      R"([1,"1",1],7,[5,"1"]]}]}})");
  ASSERT_EQ(read.series.size(), 1u);
  ASSERT_EQ(read.series[0].points.size(), 1u);
  EXPECT_EQ(read.series[0].points[0].unix_s, 5);
}

TEST(PrometheusAnswer, RowsThatAreNoSeriesAreCounted) {
  const Read read =
      ReadAll(R"({"data":{"result":[7,{},{"metric":7},{"metric":{"a":1}},)"
              R"({"metric":{"a":"b"},"value":7}]}})");
  ASSERT_TRUE(read.answer.ok());
  EXPECT_EQ(read.answer->unusable, 4);
  ASSERT_EQ(read.series.size(), 1u);
  EXPECT_TRUE(read.series[0].points.empty());
}

TEST(PrometheusAnswer, GarbageAndErrorsAreSaid) {
  for (const char* bad :
       {"", "<html>502</html>", "[]", "{}", R"({"status":"success"})",
        R"({"status":5,"data":[]})", R"({"data":{"result":1}})"}) {
    EXPECT_EQ(ReadAll(bad).answer.status().code(), absl::StatusCode::kInternal)
        << bad;
  }
  const absl::Status refused =
      ReadAll(R"({"status":"error","error":")" + std::string(5000, 'x') + "\"}")
          .answer.status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the query: xxx"));
  EXPECT_LT(refused.message().size(), 300u);
}

}  // namespace
}  // namespace plimsoll::collector
