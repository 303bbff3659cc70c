#include "collector/core/diagnosis/neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/core/incident/incident_json.h"
#include "collector/core/page/page_text.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/growing_incident.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kSecondNs = 1'000'000'000;

// A management command that somebody started has no requests to blame, no
// service to be taken out of and no region to compare.
TEST(ByHand, ThePageOfACommandSaysSo) {
  Incident i = Growing("_io.BytesIO", 0.9);
  i.cause = Verdict::kPythonObject;
  i.processes[0].by_hand = "on a terminal";
  i.processes[0].node = "web-3";
  i.regions = {RegionGrowth{"", "", 1, 1, {1, 1, 1}, {}}};
  const PageText page = WritePage(i, "http://c");
  EXPECT_EQ(page.traffic,
            "no requests: it counts none, and was started by hand");
  EXPECT_EQ(page.where, "started by hand on a terminal on node web-3");
  EXPECT_THAT(page.do_now, StartsWith("freeze pid 4711 on web-3 (kill -STOP"));
}

TEST(Neighbours, ANodeSwapsBeforeItDies) {
  FakeFleet fleet;
  ProcessInfo info;
  info.key = 7;
  info.pid = 107;
  Observation o;
  o.time_ns = kStartNs;
  o.anon_bytes = 10 * kMiB;
  fleet.Add(info, o);
  fleet.node_available = 400 * kMiB;  // a quarter of it memory
  fleet.node_swap_free = 300 * kMiB;
  Incident i = Growing("_io.BytesIO", 0.9);
  i.limit_of_node = true;
  i.time_to_limit = TimeToLimit{1200, 2400};
  ASSERT_TRUE(ReadNeighbours(fleet, kStartNs, i).ok());
  ASSERT_TRUE(i.time_to_swap);
  EXPECT_DOUBLE_EQ(i.time_to_swap->lo_s, 300);
  EXPECT_DOUBLE_EQ(i.time_to_swap->hi_s, 600);
  EXPECT_THAT(WritePage(i, "http://c").title,
              HasSubstr("no limit is set: the node swaps in 5-10 min, OOM of "
                        "the node in 20-40 min, on "));
  EXPECT_EQ(DecodeIncident(EncodeIncident(i))->time_to_swap, i.time_to_swap);
  i.limit_of_node = false;
  ASSERT_TRUE(ReadNeighbours(fleet, kStartNs, i).ok());
  EXPECT_FALSE(i.time_to_swap);
}

// What a neighbour takes comes off the same memory: 12 and 24 MiB a minute of
// 720 MiB are 20 minutes, not the hour of the one that leaks.
TEST(Neighbours, AForecastOfTheNodeCountsOthersThatGrow) {
  FakeFleet fleet;
  const int64_t now = kStartNs + 1200 * kSecondNs;
  const auto add = [&](ProcessKey key, const std::string& name,
                       double mib_per_min) {
    ProcessInfo info;
    info.key = key;
    info.pid = static_cast<int32_t>(100 + key);
    info.workload.name = name;
    info.agent_id = "a";
    for (int s = 0; s < 1200; s += 10) {
      Observation o;
      o.time_ns = kStartNs + s * kSecondNs;
      o.anon_bytes = (100 + mib_per_min * s / 60 + (s / 10 + key) % 3) * kMiB;
      fleet.Add(info, o);
    }
  };
  add(7, "publish", 12);
  add(8, "steady", 0);
  fleet.node_available = 720 * kMiB;
  Incident i = Growing("_io.BytesIO", 0.9);
  const double own = 12 * kMiB / 60;
  i.processes[0].bytes_per_s = {own, 0.9 * own, 1.1 * own};
  i.window_s = 600;
  i.limit_of_node = true;
  i.time_to_limit = TimeToLimit{3300, 4000};
  ASSERT_TRUE(ReadNeighbours(fleet, now, i).ok());
  EXPECT_FALSE(i.node_loses_bytes_per_s) << "the other is steady";
  EXPECT_EQ(i.time_to_limit->lo_s, 3300);
  add(9, "cache-filler", 24);
  ASSERT_TRUE(ReadNeighbours(fleet, now, i).ok());
  ASSERT_TRUE(i.node_loses_bytes_per_s);
  EXPECT_NEAR(i.node_loses_bytes_per_s->value, 36 * kMiB / 60, 0.02 * own);
  EXPECT_LT(i.time_to_limit->lo_s, 1200);
  EXPECT_GT(i.time_to_limit->hi_s, 1200);
  EXPECT_LT(i.time_to_limit->hi_s, 1400);
  EXPECT_THAT(NeighbourWords(i), HasSubstr("; others grow there too, with it "
                                           "by 36.0 MiB/min: the time left "
                                           "is by that"));
  EXPECT_EQ(DecodeIncident(EncodeIncident(i))->node_loses_bytes_per_s,
            i.node_loses_bytes_per_s);
  i.limit_of_node = false;
  ASSERT_TRUE(ReadNeighbours(fleet, now, i).ok());
  EXPECT_FALSE(i.node_loses_bytes_per_s);
}

// Where no limit is set the node dies, and its other processes with it.
TEST(Neighbours, TheOneThatEatsTheNodeIsNamedAmongTheOthers) {
  FakeFleet fleet;
  const int64_t now = kStartNs + 100 * kSecondNs;
  const auto add = [&](ProcessKey key, const std::string& name, double mib,
                       const std::string& agent, bool exited = false) {
    ProcessInfo info;
    info.key = key;
    info.pid = static_cast<int32_t>(100 + key);
    info.workload.name = name;
    info.agent_id = agent;
    Observation o;
    o.time_ns = now - 5 * kSecondNs;
    o.anon_bytes = mib * kMiB;
    fleet.Add(info, o);
    fleet.processes[key].exited = exited;
  };
  add(7, "catalogue-publish_pictures", 381, "a");
  add(8, "gateway", 120, "a");
  add(9, "orders", 90.1, "a");
  add(10, "cron", 2, "a");
  add(11, "ended", 900, "a", true);
  add(12, "elsewhere", 900, "b");
  Incident i = Growing("_io.BytesIO", 0.9);
  ASSERT_TRUE(ReadNeighbours(fleet, now, i).ok());
  EXPECT_TRUE(i.neighbours.empty()) << "a limit is set";
  i.limit_of_node = true;
  ASSERT_TRUE(ReadNeighbours(fleet, now, i).ok());
  EXPECT_EQ(
      NeighbourWords(i),
      "the largest of 4 Python processes there: 381 MiB (then gateway 120 "
      "MiB, orders 90.1 MiB)");
  EXPECT_FALSE(i.time_to_swap) << "the node has none";
  EXPECT_EQ(DecodeIncident(EncodeIncident(i))->neighbours, i.neighbours);
  i.processes[0].process = 9;
  ASSERT_TRUE(ReadNeighbours(fleet, now, i).ok());
  EXPECT_THAT(NeighbourWords(i), StartsWith("number 3 of 4 Python processes"));
}

TEST(ByHand, AServiceWithoutCountersIsNotSaidToHaveNoRequests) {
  Incident i = Growing("app.Order", 0.9);
  EXPECT_THAT(WritePage(i, "http://c").traffic, StartsWith("not known yet"));
  i.processes[0].by_hand = "inside a running container";
  i.traffic.looks = 40;
  i.traffic.not_known = "no attribute's requests explain the growth";
  EXPECT_THAT(WritePage(i, "http://c").traffic, StartsWith("not known yet"));
}

}  // namespace
}  // namespace plimsoll::collector
