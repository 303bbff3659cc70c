#include "agent/workload/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::workload {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<MetricsText> Parse(const std::string& text,
                                  MetricsFormat format = MetricsFormat::kText,
                                  RequestFilter filter = {}) {
  return ParseMetricsText(text, format, filter);
}

std::string Why(const std::string& text,
                MetricsFormat format = MetricsFormat::kText) {
  const auto parsed = Parse(text, format);
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

// "metric=value" of each count.
std::vector<std::string> Names(const absl::StatusOr<MetricsText>& text) {
  std::vector<std::string> names;
  if (!text.ok()) return {std::string(text.status().message())};
  for (const core::RequestCount& count : text->counts) {
    names.push_back(count.metric + "=" +
                    std::to_string(static_cast<int64_t>(count.value)));
  }
  return names;
}

TEST(MetricsTextTest, TheContentTypeSaysTheFormat) {
  EXPECT_EQ(*ParseMetricsContentType(
                "application/openmetrics-text; version=1.0.0; charset=utf-8"),
            MetricsFormat::kOpenMetrics);
  for (const char* text :
       {"", "text/plain", "Text/Plain; version=0.0.4; charset=utf-8",
        "text/plain;version=1.0.0;escaping=allow-utf-8"}) {
    EXPECT_EQ(*ParseMetricsContentType(text), MetricsFormat::kText) << text;
  }
  EXPECT_THAT(
      std::string(ParseMetricsContentType("text/html").status().message()),
      HasSubstr("it answers text/html, which is no metrics text"));
  EXPECT_FALSE(ParseMetricsContentType("application/vnd.google.protobuf").ok());
  EXPECT_FALSE(ParseMetricsContentType(std::string(9000, '\x01')).ok());
}

// As prometheus_client 0.16 writes it.
TEST(MetricsTextTest, Text004) {
  const auto text = Parse(
      "# HELP process_start_time_seconds Start time.\n"
      "# TYPE process_start_time_seconds gauge\n"
      "process_start_time_seconds 1.70000000063e+09\n"
      "# HELP app_requests_total Help \\n more.\n"
      "# TYPE app_requests_total counter\n"
      "app_requests_total{city=\"sf\",path=\"/a\\\\b \\\"c\\\"\\n} 1\"} 3.0\n"
      "app_requests_total{city=\"nyc\"} 4.0 1700000000123\r\n"
      "# TYPE app_requests_created gauge\n"
      "app_requests_created{city=\"sf\"} 1.7000000012e+09\n"
      "app_requests_created{city=\"nyc\"} 1.7000000011e+09\n"
      "other_created 5\n");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(Names(text),
              ElementsAre("app_requests_total=3", "app_requests_total=4"));
  EXPECT_THAT(
      text->counts[0].attributes,
      ElementsAre(Pair("city", "sf"), Pair("path", "/a\\b \"c\"\n} 1")));
  EXPECT_DOUBLE_EQ(*text->start_unix_s, 1700000000.63);
  EXPECT_DOUBLE_EQ(*text->first_created_unix_s, 1700000001.1);
  EXPECT_EQ(text->samples, 6);
  EXPECT_FALSE(text->pid.has_value());
}

TEST(MetricsTextTest, OpenMetrics) {
  const std::string body =
      "# TYPE app_requests counter\n"
      "# UNIT app_requests requests\n"
      "app_requests_total{city=\"sf\"} 3 1700000000.5 # {trace=\"x\"} 1 2\n"
      "app_requests_total{city=\"nyc\"} 4 # {trace=\"}\"} 1\n"
      "app_requests_created{city=\"sf\"} 1700000001.5\n"
      "process_pid 77\n";
  EXPECT_THAT(Names(Parse(body + "# EOF\n", MetricsFormat::kOpenMetrics)),
              ElementsAre("app_requests_total=3", "app_requests_total=4"));
  EXPECT_THAT(Names(Parse(body + "# EOF", MetricsFormat::kOpenMetrics)),
              ElementsAre("app_requests_total=3", "app_requests_total=4"));
  EXPECT_THAT(Why(body, MetricsFormat::kOpenMetrics),
              HasSubstr("cut: no # EOF"));
  EXPECT_THAT(Why(body + "# EOF\nx 1\n", MetricsFormat::kOpenMetrics),
              HasSubstr("line 8: more after # EOF"));
  const auto text = Parse(body + "# EOF\n", MetricsFormat::kOpenMetrics);
  EXPECT_EQ(text->pid, 77);
  // Exemplars are OpenMetrics' alone, and so is the end.
  EXPECT_THAT(Why("a 1 # {} 1\n"), HasSubstr("line 1: no timestamp"));
  EXPECT_EQ(Why("a 1\n# EOF\nb 2\n"), "");
}

// Every cut of an answer in OpenMetrics is seen.
TEST(MetricsTextTest, EveryCutIsAnError) {
  const std::string whole =
      "# TYPE a_requests counter\na_requests_total{c=\"x\"} 12\n# EOF";
  EXPECT_EQ(Why(whole, MetricsFormat::kOpenMetrics), "");
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_NE(Why(whole.substr(0, cut), MetricsFormat::kOpenMetrics), "")
        << cut;
  }
}

TEST(MetricsTextTest, Text100QuotesNames) {
  const auto text = Parse(
      "# TYPE \"shop.requests_total\" counter\n"
      "{\"shop.requests_total\",\"city.of\"=\"a\",b=\"c\"} 5\n"
      "{\"plain_requests_total\"} 6\n");
  EXPECT_THAT(Names(text),
              ElementsAre("shop.requests_total=5", "plain_requests_total=6"));
  EXPECT_THAT(text->counts[0].attributes,
              ElementsAre(Pair("city.of", "a"), Pair("b", "c")));
  EXPECT_THAT(Why("{\"a\",\"b\"} 1\n"), HasSubstr("labels are not written"));
  EXPECT_THAT(Why("{} 1\n"), HasSubstr("no series"));
  EXPECT_THAT(Why("{a=\"b\"} 1\n"), HasSubstr("no series"));
}

// What is a state, or a part of a histogram, is no count of requests.
TEST(MetricsTextTest, OnlyCountersCount) {
  const std::string body =
      "# TYPE inflight_requests gauge\ninflight_requests 7\n"
      "# TYPE made_requests untyped\nmade_requests 8\n"
      "untold_requests 9\n"
      "# TYPE took_requests histogram\ntook_requests_bucket{le=\"1\"} 1\n"
      "took_requests_sum 2\ntook_requests_count 3\n"
      "bad_requests NaN\nless_requests -1\nall_requests +Inf\n";
  EXPECT_THAT(Names(Parse(body)),
              ElementsAre("made_requests=8", "untold_requests=9"));
  EXPECT_THAT(Names(Parse(body, MetricsFormat::kText,
                          {{},
                           {"took_requests_count", "took_requests_sum",
                            "took_requests_bucket", "inflight_requests"}})),
              ElementsAre("took_requests_count=3"));
  EXPECT_THAT(Names(Parse("# TYPE a gauge\na_requests_total 1\n"
                          "# TYPE b_requests gauge\nb_requests_total 1\n# EOF",
                          MetricsFormat::kOpenMetrics)),
              ElementsAre("a_requests_total=1"));
}

TEST(MetricsTextTest, GaugesAreKeptThatAreTypedSoAndHaveAWantedLabel) {
  const std::string body =
      "# TYPE vehicles gauge\nvehicles{city=\"sf\"} 7\nvehicles{city=\"\"} 0\n"
      "# TYPE idle gauge\nidle{state=\"x\"} 8\n"
      "untyped_vehicles{city=\"sf\"} 9\n"
      "# TYPE app_requests_total counter\napp_requests_total{city=\"sf\"} 5\n";
  const auto text = Parse(body, MetricsFormat::kText, {{"city"}});
  EXPECT_THAT(Names(text),
              ElementsAre("vehicles=7", "vehicles=0", "app_requests_total=5"));
  EXPECT_TRUE(text->counts[0].gauge);
  EXPECT_FALSE(text->counts[2].gauge);
  EXPECT_THAT(
      Names(Parse(body, MetricsFormat::kText, {{"city"}, {}, {"idle"}})),
      ElementsAre("idle=8", "app_requests_total=5"));
}

TEST(MetricsTextTest, ABadLineRefusesAllAndIsNamed) {
  for (const char* line :
       {"novalue", "a{b=\"c} 1", "a{b} 1", "a one", "a 1 2 3", "a 1 x",
        "a{b=\"c\"}1x", "# TYPE 5 counter", "\x01\x02"}) {
    EXPECT_THAT(Why("ok_requests 1\n" + std::string(line) + "\n"),
                HasSubstr("its metrics, line 2: "))
        << line;
  }
  EXPECT_EQ(Why("\n \t\n# a remark\n#\n# HELP\n"), "");
  EXPECT_THAT(Why("a{b=\"" + std::string(70'000, 'x') + "\"} 1\n"),
              HasSubstr("longer than 64 KiB"));
}

TEST(MetricsTextTest, TooManyCountersAreRefused) {
  std::string body;
  for (size_t i = 0; i <= kMostCounters; ++i) {
    body += "requests{a=\"" + std::to_string(i) + "\"} 1\n";
  }
  const auto text = Parse(body);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(Parse(body.substr(0, body.rfind("requests"))).ok());
}

}  // namespace
}  // namespace plimsoll::workload
