#include "collector/core/diagnosis/instances.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "collector/core/diagnosis/diagnosis.h"
#include "collector/core/incident/incident_json.h"
#include "collector/core/page/page_text.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = kStartNs + 600 * kSecond;
constexpr double kMiBPerMin = kMiB / 60;
constexpr char kType[] = "routing.vehicles.FloatingVehicle";

// One process of gunicorn in a cgroup with a limit.
struct Made {
  int32_t pid = 0, parent = 0;
  std::string region, cgroup, pod;
  double mib_per_min = 0;
  bool serves = true;
  bool holds = false;  // the rule; a master's does, in a cgroup under pressure
};

ProcessTrend TrendOf(const Made& made) {
  ProcessTrend t;
  t.info.key = made.pid;
  t.info.pid = made.pid;
  t.info.parent_pid = made.parent;
  t.info.workload = {"demo", "default", "service", "routing-api"};
  t.info.region = made.region;
  t.info.version = "7";
  t.info.node = "node-1";
  t.info.agent_id = "agent-1";
  t.info.cgroup = made.cgroup;
  t.info.pod = made.pod;
  const double rate = made.mib_per_min * kMiBPerMin;
  const Estimate slope{rate, rate - 0.02 * kMiBPerMin,
                       rate + 0.02 * kMiBPerMin};
  t.recent_bytes_per_s = slope;
  t.finding.holds = made.holds;
  t.finding.bytes_per_s = slope;
  t.finding.limit_bytes = 320 * kMiB;
  t.finding.usage_bytes = 200 * kMiB;
  t.finding.window_s = 300;
  if (made.holds) t.finding.time_to_limit = {600, 700};
  if (made.mib_per_min > 1) {
    // 170 bytes each, 84 % of the growth.
    const double bytes = 0.84 * rate;
    t.types = {{kType,
                {bytes / 170, bytes / 171, bytes / 169},
                {bytes, bytes * .98, bytes * 1.02}}};
  }
  t.serves = made.serves;
  t.watched_from_ns = kStartNs;
  t.last_seen_ns = kNow;
  return t;
}

Incident Diagnosed(const std::vector<Made>& processes) {
  std::vector<ProcessTrend> trends;
  for (const Made& p : processes) trends.push_back(TrendOf(p));
  Incident incident;
  incident.workload = trends.front().info.workload;
  DiagnoseTrends(trends, {}, Thresholds{}, kNow, incident);
  return incident;
}

std::string TitleOf(const Incident& incident) {
  return WritePage(incident, "").title;
}

std::vector<Made> GunicornInTwoRegions() {
  return {{10, 1, "ap-southeast-1", "/a", "", 0.05, false, true},  // master
          {11, 10, "ap-southeast-1", "/a", "", 12.4, true, true},
          {20, 1, "eu-west-3", "/b", "", 0.01, false, false},  // master
          {21, 20, "eu-west-3", "/b", "", 4.0, true, true}};
}

TEST(Instances, AnIdleGunicornMasterDoesNotHalveTheRate) {
  auto all = GunicornInTwoRegions();
  all.resize(2);
  const Incident i = Diagnosed(all);
  EXPECT_NEAR(i.bytes_per_s.value / kMiBPerMin, 12.4, 0.01);
  EXPECT_EQ(TitleOf(i).substr(0, TitleOf(i).find(';')),
            "routing-api leaks 12.4 MiB/min in ap-southeast-1 (95 % CI "
            "12.4-12.4)");
  EXPECT_NE(TitleOf(i).find("on 1 of 1 cgroup"), std::string::npos);
  ASSERT_EQ(i.processes.size(), 2u);
  EXPECT_EQ(i.processes[0].pid, 11);
  EXPECT_TRUE(i.processes[1].helper);
  EXPECT_FALSE(i.processes[1].leaking);
}

TEST(Instances, AnIdleGunicornMasterIsInNeitherSideOfTheRegions) {
  const Incident i = Diagnosed(GunicornInTwoRegions());
  EXPECT_NE(TitleOf(i).find("MiB/min per cgroup in"), std::string::npos)
      << TitleOf(i);
  EXPECT_NE(TitleOf(i).find("on 2 of 2 cgroups"), std::string::npos);
  ASSERT_EQ(i.regions.size(), 2u);
  EXPECT_EQ(i.regions[0].processes, 1);
  EXPECT_EQ(i.regions[1].processes, 1);
  EXPECT_EQ(WritePage(i, "").where.substr(0, 36),
            "ap-southeast-1: 3.1x eu-west-3 in al");
}

// The mean of 14.7 and 5.0 was said with an interval from 0 to 20.
TEST(Instances, WhereRegionsDifferTheTitleIsOfTheWorst) {
  const Incident i = Diagnosed(GunicornInTwoRegions());
  ASSERT_TRUE(i.worst_group.has_value());
  EXPECT_EQ(i.worst_group->kind, "region");
  EXPECT_EQ(i.worst_group->name, "ap-southeast-1");
  EXPECT_EQ(i.worst_group->instances, 1);
  EXPECT_EQ(i.worst_group->others, std::vector<std::string>{"eu-west-3"});
  EXPECT_NEAR(i.worst_group->bytes_per_s.value / kMiBPerMin, 12.4, 0.01);
  EXPECT_EQ(TitleOf(i).substr(0, TitleOf(i).find(';')),
            "routing-api leaks 12.4 MiB/min per cgroup in ap-southeast-1 (95 % "
            "CI 12.4-12.4), 8.2 MiB/min on the mean with eu-west-3");
  // What the other lines are reckoned with is the mean, as before.
  EXPECT_NEAR(i.bytes_per_s.value / kMiBPerMin, 8.2, 0.01);
  const auto read = DecodeIncident(EncodeIncident(i));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->worst_group, i.worst_group);
}

TEST(Instances, RegionsThatLeakAlikeAreOneOnTheTitle) {
  auto all = GunicornInTwoRegions();
  all[3].mib_per_min = 12.39;
  Incident i = Diagnosed(all);
  EXPECT_FALSE(i.worst_group.has_value());
  EXPECT_NE(TitleOf(i).find("MiB/min per cgroup in ap-southeast-1, eu-west-3 "),
            std::string::npos)
      << TitleOf(i);
  // Surely more, but hardly more: not worth a word on the title.
  all[3].mib_per_min = 11;
  i = Diagnosed(all);
  EXPECT_FALSE(i.worst_group.has_value());
}

// One that differs by chance is not the worst: its rate is too uncertain.
TEST(Instances, ARegionWhoseRateIsUnsureIsNotTheWorst) {
  std::vector<InstanceGrowth> instances(2);
  for (InstanceGrowth& i : instances) i.leaking = true;
  instances[0].instance = "pod a";
  instances[0].region = "a";
  instances[0].bytes_per_s = {10, 2, 18};
  instances[1].instance = "pod b";
  instances[1].region = "b";
  instances[1].bytes_per_s = {4, 0, 8};
  Incident i;
  SummariseInstances(instances, i);
  EXPECT_FALSE(i.worst_group.has_value());
  instances[0].bytes_per_s = {10, 8, 12};
  SummariseInstances(instances, i);
  EXPECT_TRUE(i.worst_group.has_value());
  instances[1].region = "";  // it may be the same
  SummariseInstances(instances, i);
  EXPECT_FALSE(i.worst_group.has_value());
}

TEST(Instances, WhereVersionsDifferTheTitleIsOfTheWorst) {
  auto all = GunicornInTwoRegions();
  std::vector<ProcessTrend> trends;
  for (Made& p : all) {
    p.region = "eu-west-3";
    trends.push_back(TrendOf(p));
  }
  trends[2].info.version = trends[3].info.version = "6";
  Incident i;
  i.workload = trends.front().info.workload;
  DiagnoseTrends(trends, {}, Thresholds{}, kNow, i);
  EXPECT_EQ(TitleOf(i).substr(0, TitleOf(i).find(';')),
            "routing-api leaks 12.4 MiB/min per cgroup of version 7 in "
            "eu-west-3 (95 % CI 12.4-12.4), 8.2 MiB/min on the mean with "
            "version 6");
}

TEST(Instances, AMasterWithoutALimitIsKnownByItsChildren) {
  auto all = GunicornInTwoRegions();
  std::vector<ProcessTrend> trends;
  for (Made& p : all) {
    p.cgroup = "/", p.serves = false, p.holds = false;
    trends.push_back(TrendOf(p));
    trends.back().finding.limit_bytes = 0;
  }
  Incident i;
  DiagnoseTrends(trends, {}, Thresholds{}, kNow, i);
  EXPECT_EQ(i.instance_kind, "process");
  EXPECT_EQ(i.workload_processes, 2);
  EXPECT_NE(TitleOf(i).find("on 2 of 2 processes"), std::string::npos)
      << TitleOf(i);
}

TEST(Instances, HealthyReplicasAreCountedThoughTheyServeNothing) {
  std::vector<Made> all;
  for (int pod = 0; pod < 12; ++pod) {
    all.push_back({100 + pod, 1, "ap-southeast-1", "",
                   "routing-api-" + std::to_string(pod), pod < 3 ? 12.4 : 0.01,
                   pod < 6, pod < 3});
  }
  const Incident i = Diagnosed(all);
  EXPECT_NE(TitleOf(i).find("12.4 MiB/min per pod in"), std::string::npos)
      << TitleOf(i);
  EXPECT_NE(TitleOf(i).find("on 3 of 12 pods"), std::string::npos);
}

TEST(Instances, WorkersUnderOneLimitAddUpAndSoDoesTheirTime) {
  std::vector<Made> all = {{10, 1, "r", "/a", "", 0, false, false}};
  for (int worker = 11; worker < 15; ++worker) {
    all.push_back({worker, 10, "r", "/a", "", 3, true, false});
  }
  const Incident i = Diagnosed(all);
  EXPECT_NEAR(i.bytes_per_s.value / kMiBPerMin, 12, 0.01);
  ASSERT_TRUE(i.time_to_limit.has_value());
  EXPECT_NEAR(i.time_to_limit->lo_s, 600, 5) << "120 MiB left at 12 MiB/min";
  EXPECT_NE(TitleOf(i).find("on 1 of 1 cgroup (4 of 4 processes)"),
            std::string::npos)
      << TitleOf(i);
}

TEST(Instances, AProcessWithoutASlopeYetKeepsTheOneItHad) {
  const auto all = GunicornInTwoRegions();
  Incident i = Diagnosed({all[1]});
  ProcessTrend again = TrendOf(all[1]);  // ours has started anew
  again.recent_bytes_per_s.reset();
  again.finding.holds = false;
  again.types.clear();
  DiagnoseTrends({again}, {}, Thresholds{}, kNow, i);
  EXPECT_NEAR(i.bytes_per_s.value / kMiBPerMin, 12.4, 0.01);
  EXPECT_EQ(i.leaking_instances, 1);
}

// The figures of a page can be checked against each other with a calculator.
class PageFigures : public ::testing::Test {
 protected:
  void AddLife(const Made& made) {
    std::mt19937_64 random(static_cast<uint64_t>(made.pid));
    // Requests of 1.6 MiB each make up 84 % of the rate.
    std::poisson_distribution<int> bad(0.84 * made.mib_per_min / 1.6 / 60);
    std::poisson_distribution<int> good(5);
    double anon = 60 * kMiB, ok = 0, failed = 0;
    for (int t = 0; t <= 600; ++t) {
      const int n = made.serves ? bad(random) : 0;
      failed += n, ok += made.serves ? good(random) : 0;
      anon += n * 1.6 * kMiB + 0.16 * made.mib_per_min * kMiBPerMin;
      const int64_t now = kStartNs + t * kSecond;
      if (t % 10 == 0) fleet_.Put(made.pid, {metric::kAnon, ""}, now, anon);
      if (t % 15 != 0 || !made.serves) continue;
      fleet_.Put(made.pid, {metric::kRequests, "city=oslo,outcome=ok"}, now,
                 ok);
      if (failed == 0) continue;
      fleet_.Put(made.pid, {metric::kRequests, "city=oslo,outcome=exception"},
                 now, failed);
    }
  }
  FakeFleet fleet_;
};

TEST_F(PageFigures, RequestsTimesBytesIsTheShareOfTheRate) {
  const auto all = GunicornInTwoRegions();
  Incident i = Diagnosed(all);
  for (const Made& p : all) AddLife(p);
  i.window_s = 600;
  ASSERT_TRUE(DiagnoseStored(fleet_, Thresholds{}, kNow, i).ok());
  ASSERT_FALSE(i.traffic.causes.empty()) << i.traffic.not_known;
  const TrafficCause& cause = i.traffic.causes[0];
  EXPECT_EQ(cause.attributes, "outcome=exception");
  ASSERT_TRUE(cause.requests_per_s.has_value());
  EXPECT_NEAR(*cause.requests_per_s * cause.bytes_per_request.value,
              cause.share * i.bytes_per_s.value, 1);
  EXPECT_NEAR(cause.share, 0.84, 0.12);
  EXPECT_NEAR(i.traffic.unexplained_share, 1 - cause.share, 1e-9);
  // Of one instance: two leak, at 12.4 and 4 MiB/min.
  EXPECT_NEAR(*cause.requests_per_s * 60, 0.84 * 8.2 / 1.6, 1.2);
  EXPECT_NE(WritePage(i, "").traffic.find("/min, "), std::string::npos)
      << WritePage(i, "").traffic;
}

TEST_F(PageFigures, ObjectsTimesTheirSizeIsTheShareOfTheRate) {
  const Incident i = Diagnosed(GunicornInTwoRegions());
  ASSERT_EQ(i.types.size(), 1u);
  EXPECT_NEAR(i.types[0].objects_per_s.value * 170,
              i.types[0].share * i.bytes_per_s.value, 200);
  EXPECT_NEAR(i.types[0].share, 0.84, 0.01);
}

}  // namespace
}  // namespace plimsoll::collector
