#include "collector/core/backtest/backtest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace plimsoll::collector {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr double kMiB = 1 << 20;
constexpr double kLimit = 512 * kMiB;

// Ten hours each half minute: "leak" grows by 30 MiB/h from its third hour on
// until it is replaced in the ninth, "flat" and its saw do not.
void Fill(Recording& r, double hours) {
  for (int i = 0; i < static_cast<int>(hours * 120); ++i) {
    const double h = i / 120.0;
    const int64_t ms = kStartMs + i * 30'000;
    const double noise = kMiB * std::sin(i * 1.7);
    const auto put = [&](const char* metric, const char* pod, double v) {
      ASSERT_EQ(r.Add({std::string(metric) + "{namespace=\"n\",pod=\"" + pod +
                           "\",region=\"eu\",version=\"v1\"}",
                       v, ms}),
                "");
    };
    const char* leaking = h < 9 ? "leak-0" : "leak-1";
    const double leaked = h < 9 ? 30 * std::max(0.0, h - 3) : 0;
    put("container_memory_rss", leaking, (100 + leaked) * kMiB + noise);
    put("container_spec_memory_limit_bytes", leaking, kLimit);
    put("container_memory_rss", "flat-0",
        (100 + 40 * std::fmod(h * 3, 1.0)) * kMiB + noise);
    put("container_spec_memory_limit_bytes", "flat-0", kLimit);
  }
  r.Seal();
}

struct Line {
  SaidKind kind;
  double at_h;
  Incident incident;
};

std::vector<Line> Replay(Recording& r, BacktestSummary* summary = nullptr) {
  std::vector<Line> lines;
  const auto out = RunBacktest(r, {}, [&](const Said& said) {
    const double at_s =
        static_cast<double>(said.at_ns / 1'000'000 - kStartMs) / 1000;
    lines.push_back({said.kind, at_s / 3600, said.incident});
  });
  EXPECT_TRUE(out.ok()) << out.status();
  if (summary != nullptr && out.ok()) *summary = *out;
  return lines;
}

TEST(Backtest, SaysALeakInItsTimeAndThatItIsOver) {
  Recording r({});
  Fill(r, 12);
  BacktestSummary summary;
  const auto lines = Replay(r, &summary);
  ASSERT_GE(lines.size(), 2u);
  for (const Line& line : lines) {
    EXPECT_EQ(line.incident.workload.name, "leak");
    EXPECT_EQ(line.incident.cause, Verdict::kLeak);
  }
  EXPECT_GT(lines[0].at_h, 3.0);
  EXPECT_LT(lines[0].at_h, 8.0);
  ASSERT_FALSE(lines[0].incident.processes.empty());
  EXPECT_EQ(lines[0].incident.processes[0].pod, "leak-0");
  EXPECT_NEAR(lines[0].incident.bytes_per_s.value, 30 * kMiB / 3600,
              8 * kMiB / 3600);
  EXPECT_TRUE(lines[0].incident.time_to_limit.has_value());
  EXPECT_EQ(lines.back().kind, SaidKind::kResolved);
  EXPECT_GT(lines.back().at_h, 9.0);
  EXPECT_EQ(summary.pods, 3);
  EXPECT_NEAR(summary.pod_days, 1.0, 0.01);
  EXPECT_EQ(summary.pages + summary.tickets, 1);
}

TEST(Backtest, WhatComesLaterChangesNothingBefore) {
  Recording all({}), part({});
  Fill(all, 12);
  Fill(part, 8);
  const auto long_run = Replay(all), short_run = Replay(part);
  ASSERT_LE(short_run.size(), long_run.size());
  ASSERT_FALSE(short_run.empty());
  for (size_t i = 0; i < short_run.size(); ++i) {
    EXPECT_EQ(short_run[i].at_h, long_run[i].at_h);
    EXPECT_EQ(short_run[i].kind, long_run[i].kind);
    EXPECT_EQ(short_run[i].incident.bytes_per_s,
              long_run[i].incident.bytes_per_s);
  }
}

TEST(Backtest, AHistoryWithoutMemoryIsAnError) {
  Recording r({});
  r.Seal();
  EXPECT_EQ(RunBacktest(r, {}, [](const Said&) {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Backtest, EndsWhenItsProgressSaysSo) {
  Recording r({});
  Fill(r, 2);
  BacktestOptions options;
  options.progress = [](double share) { return share < 0.5; };
  EXPECT_EQ(RunBacktest(r, options, [](const Said&) {}).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace plimsoll::collector
