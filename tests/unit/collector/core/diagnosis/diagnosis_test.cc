#include "collector/core/diagnosis/diagnosis.h"

#include <gtest/gtest.h>

namespace plimsoll::collector {
namespace {

constexpr int64_t kNow = 1'700'000'000'000'000'000;

ProcessTrend Judged(double rule_s, double judged_s) {
  ProcessTrend trend;
  trend.info.key = 1;
  trend.info.pod = "pod-a";
  trend.last_seen_ns = kNow;
  trend.watched_from_ns = kNow - 40'000'000'000'000;
  trend.finding.window_s = rule_s;
  trend.finding.limit_bytes = 1e9;
  trend.judged.emplace();
  trend.judged->bytes_per_s = {1000, 900, 1100};
  trend.judged->window_s = judged_s;
  return trend;
}

// It was the longest that any rule had looked at, whoever made the slope.
TEST(Diagnosis, TheWindowIsThatOfTheSlope) {
  Incident incident;
  DiagnoseTrends({Judged(12000, 3600)}, {}, Thresholds{}, kNow, incident);
  EXPECT_EQ(incident.window_s, 3600);
  EXPECT_EQ(incident.bytes_per_s.value, 1000);
}

TEST(Diagnosis, AnIntervalThatMayMissSaysWhy) {
  ProcessTrend trend = Judged(12000, 3600);
  trend.judged->model_limited = "it is young";
  Incident incident;
  DiagnoseTrends({trend}, {}, Thresholds{}, kNow, incident);
  EXPECT_EQ(incident.model_limited, "it is young");
  // The imminent rule's own slope is another.
  trend.finding.holds = true;
  trend.finding.bytes_per_s = {2000, 1500, 2500};
  DiagnoseTrends({trend}, {}, Thresholds{}, kNow, incident);
  EXPECT_EQ(incident.model_limited, "");
}

}  // namespace
}  // namespace plimsoll::collector
