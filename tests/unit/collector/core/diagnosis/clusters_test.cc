// One service in two clusters that are regions of their own.
#include <gtest/gtest.h>

#include <random>

#include "collector/core/diagnosis/diagnosis.h"
#include "collector/core/growth/process_table.h"
#include "collector/core/page/page_text.h"
#include "collector/core/traffic/traffic_sources.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = kStartNs + 3600 * kSecond;
constexpr double kMiBPerMin = kMiB / 60;
constexpr double kBytesPerRequest = 0.4 * kMiB;

ProcessInfo InfoOf(ProcessKey key, const std::string& cluster,
                   const std::string& region) {
  ProcessInfo info;
  info.key = key;
  info.pid = static_cast<int32_t>(key);
  info.workload = {cluster, "routing", "Deployment", "routing-api"};
  info.region = region;
  info.version = "7";
  info.pod = "routing-api-" + std::to_string(key);
  info.first_seen_ns = info.start_unix_ns = kStartNs;
  info.last_seen_ns = kNow;
  return info;
}

ProcessTrend TrendOf(const ProcessInfo& info, double mib_per_min) {
  ProcessTrend t;
  t.info = info;
  const double rate = mib_per_min * kMiBPerMin;
  t.recent_bytes_per_s = Estimate{rate, rate * 0.98, rate * 1.02};
  t.finding.holds = mib_per_min > 1;
  t.finding.bytes_per_s = *t.recent_bytes_per_s;
  t.finding.limit_bytes = 320 * kMiB;
  t.finding.usage_bytes = 200 * kMiB;
  t.finding.window_s = 3600;
  t.finding.time_to_limit = {600, 700};
  t.serves = true;
  t.watched_from_ns = kStartNs;
  t.last_seen_ns = kNow;
  return t;
}

class Clusters : public ::testing::Test {
 protected:
  // Leaks by requests of one city: so many a minute, beside 60 others.
  void AddLife(const ProcessInfo& info, double leaking_per_min) {
    fleet_.processes[info.key] = info;
    std::mt19937_64 random(static_cast<uint64_t>(info.key));
    std::poisson_distribution<int> leaking(leaking_per_min / 60), other(1);
    double bytes = 60 * kMiB, lima = 0, oslo = 0;
    for (int t = 0; t <= 3600; ++t) {
      const int n = leaking(random);
      lima += n, oslo += other(random);
      bytes += n * kBytesPerRequest;
      const int64_t now = kStartNs + t * kSecond;
      if (t % 10 == 0) fleet_.Put(info.key, {metric::kAnon, ""}, now, bytes);
      if (t % 15 != 0) continue;
      fleet_.Put(info.key, {metric::kRequests, "city=lima"}, now, lima);
      fleet_.Put(info.key, {metric::kRequests, "city=oslo"}, now, oslo);
    }
  }

  Incident Diagnose() {
    const ProcessInfo here = InfoOf(1, "prod-ap", "ap-southeast-1");
    const ProcessInfo there = InfoOf(2, "prod-eu", "eu-west-3");
    AddLife(here, 30);
    AddLife(there, 10);
    Incident i;
    i.workload = here.workload;
    i.opened_ns = kNow - 60 * kSecond;
    DiagnoseTrends({TrendOf(here, 12)}, {TrendOf(there, 4)}, Thresholds{}, kNow,
                   i);
    EXPECT_TRUE(DiagnoseStored(fleet_, Thresholds{}, kNow, i).ok());
    return i;
  }

  FakeFleet fleet_;
};

TEST_F(Clusters, TheRegionOfAnotherClusterIsCompared) {
  const Incident i = Diagnose();
  ASSERT_EQ(i.regions.size(), 2u);
  EXPECT_EQ(i.regions[0].cluster, "");
  EXPECT_EQ(i.regions[1].region, "eu-west-3");
  EXPECT_EQ(i.regions[1].cluster, "prod-eu");
  EXPECT_EQ(i.regions[1].processes, 1);
  ASSERT_TRUE(i.regions_compared.has_value());
  ASSERT_TRUE(i.regions_compared->at_equal_mix.has_value())
      << i.regions_compared->not_told;
  EXPECT_NEAR(i.regions_compared->at_equal_mix->value, 1, 0.2);
  EXPECT_FALSE(i.regions_compared->worse_here);
  const std::string where = WritePage(i, "").where;
  EXPECT_EQ(where.substr(0, where.find(" in all")),
            "ap-southeast-1: 3.0x eu-west-3 (cluster prod-eu)");
  EXPECT_NE(where.find("the mix differs, not the code"), std::string::npos)
      << where;
}

TEST_F(Clusters, WhatIsElsewhereCountsForNothingElse) {
  const Incident i = Diagnose();
  EXPECT_EQ(i.processes.size(), 1u);
  EXPECT_EQ(i.workload_processes, 1);
  EXPECT_NEAR(i.bytes_per_s.value, 12 * kMiBPerMin, 1);
  EXPECT_FALSE(i.versions_compared.has_value());
  ASSERT_EQ(i.traffic.causes.size(), 1u) << i.traffic.not_known;
  EXPECT_EQ(i.traffic.causes[0].attributes, "city=lima");
  // Of the one process: 30 a minute for nearly an hour.
  EXPECT_LT(i.traffic.causes[0].requests, 2000);
}

TEST_F(Clusters, TheTableGivesAServiceOfAllClusters) {
  ProcessTable table{ImminentThresholds{}};
  Observation o;
  o.time_ns = kNow;
  ProcessInfo other = InfoOf(3, "prod-eu", "eu-west-3");
  other.workload.name = "billing";
  table.Observe(InfoOf(1, "prod-ap", "ap-southeast-1"), o);
  table.Observe(InfoOf(2, "prod-eu", "eu-west-3"), o);
  table.Observe(other, o);
  const WorkloadName asked = InfoOf(1, "prod-ap", "").workload;
  const auto trends = table.Trends({asked});
  EXPECT_EQ(trends.size(), 2u);
  EXPECT_TRUE(trends.contains(asked));
  EXPECT_FALSE(trends.contains(other.workload));
  EXPECT_TRUE(table.Trends({}).empty());
}

TEST_F(Clusters, ManyReplicasOfOneRegionLeaveRoomForTheOther) {
  Incident i;
  i.opened_ns = kNow;
  for (ProcessKey key = 1; key <= 40; ++key) {
    const ProcessInfo info =
        InfoOf(key, "prod", key <= 30 ? "ap-southeast-1" : "eu-west-3");
    i.workload = info.workload;
    AddLife(info, 5);
    AffectedProcess p;
    p.process = key;
    p.region = info.region;
    p.leaking = true;
    i.processes.push_back(p);
  }
  const auto read = ReadTrafficProcesses(fleet_, i, kNow);
  ASSERT_TRUE(read.ok());
  int eu = 0;
  for (const TrafficProcess& p : *read) eu += p.info.region == "eu-west-3";
  EXPECT_GE(read->size(), 20u);
  EXPECT_EQ(eu, 10) << "all of the smaller region, the rest of the other";
}

}  // namespace
}  // namespace plimsoll::collector
