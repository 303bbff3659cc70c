#include "cli/report/prometheus_samples.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::cli {
namespace {

using collector::MetricSample;

struct Read {
  absl::StatusOr<int64_t> count;
  std::vector<std::string> lines;
};

Read ReadAll(std::string_view body) {
  Read out;
  out.count = ReadPrometheusSamples(body, [&](const MetricSample& s) {
    out.lines.push_back(std::string(s.series) + " " + std::to_string(s.value) +
                        " " + std::to_string(s.time_ms));
  });
  return out;
}

TEST(PrometheusSamples, AMatrixIsSamplesOfMetricsText) {
  const Read read = ReadAll(R"({"status": "success", "data": {
    "resultType": "matrix", "result": [
      {"metric": {"__name__": "m", "pod": "a\"b\\\n"},
       "values": [[1700000000.125, "2.5"], [1700000015, "NaN"],
                  [1700000030, "3"], ["x", "1"], [1, 2, 3], 7]},
      {"metric": {"pod": "nameless"}, "values": [[1700000000, "1"]]}]}})");
  ASSERT_TRUE(read.count.ok()) << read.count.status();
  EXPECT_EQ(*read.count, 2);
  ASSERT_EQ(read.lines.size(), 2u);
  EXPECT_EQ(read.lines[0], R"(m{pod="a\"b\\\n"} 2.500000 1700000000125)");
  collector::MetricName name;
  std::string_view why;
  ASSERT_TRUE(collector::ParseMetricName(R"(m{pod="a\"b\\\n"})", name, why));
  EXPECT_EQ(name.Label("pod"), "a\"b\\\n");
}

TEST(PrometheusSamples, AVectorToo) {
  EXPECT_EQ(*ReadAll(R"({"status": "success", "data": {"result": [
      {"metric": {"__name__": "m"}, "value": [1700000000, "1"]}]}})")
                 .count,
            1);
}

TEST(PrometheusSamples, GarbageAndErrorsAreSaid) {
  for (const char* bad :
       {"", "<html>502</html>", "[]", "{}", R"({"status": "success"})",
        R"({"status": 5, "data": []})", R"({"data": {"result": 1}})",
        R"({"data": {"result": [1]}})"}) {
    EXPECT_EQ(ReadAll(bad).count.status().code(), absl::StatusCode::kInternal)
        << bad;
  }
  const auto refused =
      ReadAll(R"({"status": "error", "error": "too many samples"})").count;
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(refused.status().message().find("too many samples"),
            std::string_view::npos);
}

TEST(PrometheusSamples, QueriesAreEscaped) {
  EXPECT_EQ(PrometheusQueryPath("m{a=\"b\"}[5m]", 1700000000.5),
            "/api/v1/query?query=m%7ba%3d%22b%22%7d%5b5m%5d&"
            "time=1700000000.500");
}

}  // namespace
}  // namespace plimsoll::cli
