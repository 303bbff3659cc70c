#include "collector/core/backtest/openmetrics.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::collector {
namespace {

struct Row {
  const char* line;
  MetricLine kind;
  const char* series;  // of a sample
  double value;
  int64_t time_ms;
};

class OpenMetricsLine : public ::testing::TestWithParam<Row> {};

TEST_P(OpenMetricsLine, IsReadAsWritten) {
  const Row& row = GetParam();
  MetricSample sample;
  std::string_view why;
  ASSERT_EQ(ParseMetricLine(row.line, sample, why), row.kind)
      << row.line << ": " << why;
  if (row.kind == MetricLine::kBad) {
    EXPECT_FALSE(why.empty()) << row.line;
  }
  if (row.kind != MetricLine::kSample) return;
  EXPECT_EQ(sample.series, row.series);
  EXPECT_EQ(sample.value, row.value);
  EXPECT_EQ(sample.time_ms, row.time_ms);
}

constexpr MetricLine kSample = MetricLine::kSample;
constexpr MetricLine kNothing = MetricLine::kNothing;
constexpr MetricLine kBad = MetricLine::kBad;

INSTANTIATE_TEST_SUITE_P(
    Table, OpenMetricsLine,
    ::testing::Values(
        Row{"up 1 1700000000", kSample, "up", 1, 1700000000000},
        Row{"m{pod=\"a-0\"} 2.5e6 1700000000.125", kSample, "m{pod=\"a-0\"}",
            2.5e6, 1700000000125},
        Row{"m{} 7 1700000000125\r", kSample, "m{}", 7, 1700000000125},
        Row{"m{a=\"} 1 2\",b=\"\\\"\"} 3 1700000000", kSample,
            "m{a=\"} 1 2\",b=\"\\\"\"}", 3, 1700000000000},
        Row{"m 1 1700000000 # {trace=\"x\"} 1 2", kSample, "m", 1,
            1700000000000},
        Row{"m +Inf 1700000000", kSample, "m",
            std::numeric_limits<double>::infinity(), 1700000000000},
        Row{"m NaN 1700000000", kNothing, "", 0, 0},
        Row{"# HELP m help", kNothing, "", 0, 0},
        Row{"# EOF", kNothing, "", 0, 0}, Row{"", kNothing, "", 0, 0},
        Row{"m 1", kBad, "", 0, 0}, Row{"m", kBad, "", 0, 0},
        Row{"m{a=\"b 1 2", kBad, "", 0, 0}, Row{"{} 1 2", kBad, "", 0, 0},
        Row{"m 1 2 3", kBad, "", 0, 0}, Row{"m one 2", kBad, "", 0, 0},
        Row{"m 1 -5", kBad, "", 0, 0}, Row{"m 1 1e300", kBad, "", 0, 0},
        // Found by the fuzzer: it overflowed as nanoseconds.
        Row{"m 1 70100000015000", kBad, "", 0, 0},
        Row{"m 1 nan", kBad, "", 0, 0}));

TEST(ParseMetricName, TakesLabelsApart) {
  MetricName name;
  std::string_view why;
  ASSERT_TRUE(ParseMetricName(R"(m{ a="1", b = "x\"\\\ny",})", name, why));
  EXPECT_EQ(name.name, "m");
  EXPECT_EQ(name.Label("a"), "1");
  EXPECT_EQ(name.Label("b"), "x\"\\\ny");
  EXPECT_EQ(name.Label("c"), "");
  for (const char* bad : {"", "{a=\"1\"}", "m{a}", "m{a=1}", "m{a=\"1\"", "m{",
                          "m{a=\"1\"}x", "m x"}) {
    EXPECT_FALSE(ParseMetricName(bad, name, why)) << bad;
    EXPECT_FALSE(why.empty());
  }
  std::string many = "m{";
  for (int i = 0; i < 65; ++i) many += "a" + std::to_string(i) + "=\"1\",";
  EXPECT_FALSE(ParseMetricName(many + "}", name, why));
}

struct Taken {
  std::vector<std::string> lines;
  MetricTextReader reader{[this](const MetricSample& s) {
    lines.push_back(std::string(s.series) + " " + std::to_string(s.time_ms));
    return std::string_view();
  }};
};

TEST(MetricTextReader, CutsChunksAnywhere) {
  const std::string text = "a 1 1700000000\nbad\n# c\nb{x=\"y\"} 2 1700000001";
  for (size_t size = 1; size <= text.size(); ++size) {
    Taken taken;
    for (size_t at = 0; at < text.size(); at += size) {
      taken.reader.Feed(std::string_view(text).substr(at, size));
    }
    taken.reader.Finish();
    EXPECT_EQ(taken.lines, (std::vector<std::string>{
                               "a 1700000000000", "b{x=\"y\"} 1700000001000"}));
    EXPECT_EQ(taken.reader.lines(), 4);
    ASSERT_EQ(taken.reader.bad().count, 1);
    EXPECT_EQ(taken.reader.bad().first[0].line, 2);
    EXPECT_EQ(taken.reader.bad().first[0].why, "no value");
  }
}

TEST(MetricTextReader, NamesTheFirstBadLinesAndCountsTheRest) {
  Taken taken;
  for (int i = 0; i < 100; ++i) taken.reader.Feed("nothing here\n");
  taken.reader.Feed("a 1 1700000000\n");
  EXPECT_EQ(taken.reader.bad().count, 100);
  EXPECT_EQ(taken.reader.bad().first.size(), BadLines::kNamed);
  EXPECT_EQ(taken.lines.size(), 1u);
}

TEST(MetricTextReader, ALineWithoutEndTakesNoMemory) {
  Taken taken;
  const std::string part(60000, 'x');
  for (int i = 0; i < 100; ++i) taken.reader.Feed(part);
  taken.reader.Feed("\na 1 1700000000\n");
  EXPECT_EQ(taken.reader.bad().count, 1);
  EXPECT_EQ(taken.reader.bad().first[0].why, "longer than 64 KiB");
  EXPECT_EQ(taken.lines.size(), 1u);
}

}  // namespace
}  // namespace plimsoll::collector
