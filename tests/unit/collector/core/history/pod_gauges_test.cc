#include "collector/core/history/pod_gauges.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "collector/core/history/pod_counts.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

ProcessInfo Process(ProcessKey key, int32_t parent = 1) {
  ProcessInfo p;
  p.key = key;
  p.pid = static_cast<int32_t>(key);
  p.parent_pid = parent;
  p.workload = {"prod", "shop", "Deployment", "web"};
  p.pod = "web-1";
  p.container = "app";
  return p;
}

PodCount Vehicles(const std::string& city, double value,
                  const std::string& series = "") {
  PodCount c;
  c.ns = "shop";
  c.pod = "web-1";
  c.gauge = "vehicles";
  c.attributes = {{"city", city}};
  c.series = series;
  c.value = value;
  return c;
}

GaugeLevels Of(const std::vector<ProcessRequests>& served, ProcessKey key) {
  for (const ProcessRequests& one : served) {
    if (one.process.key == key) return one.gauges;
  }
  return {};
}

const std::pair<std::string, PodAttributes> kOslo = {"vehicles",
                                                     {{"city", "oslo"}}};
const std::pair<std::string, PodAttributes> kLima = {"vehicles",
                                                     {{"city", "lima"}}};

TEST(PodGauges, AreLevelsAndNotSteps) {
  PodCountLedger ledger;
  auto served = ledger.Take({Vehicles("oslo", 300), Vehicles("lima", 5)},
                            {Process(10)}, kSecondNs);
  EXPECT_EQ(Of(served, 10), (GaugeLevels{{kOslo, 300}, {kLima, 5}}));
  served = ledger.Take({Vehicles("oslo", 250), Vehicles("lima", -2)},
                       {Process(10)}, 31 * kSecondNs);
  EXPECT_EQ(Of(served, 10), (GaugeLevels{{kOslo, 250}, {kLima, -2}}));
  EXPECT_TRUE(served[0].counts.empty());
}

TEST(PodGauges, OfAPodAreSharedAlikeByThoseThatServe) {
  PodCountLedger ledger;
  const std::vector<ProcessInfo> prefork = {Process(10), Process(11, 10),
                                            Process(12, 10)};
  const auto served = ledger.Take({Vehicles("oslo", 300)}, prefork, kSecondNs);
  EXPECT_EQ(Of(served, 11), (GaugeLevels{{kOslo, 150}}));
  EXPECT_EQ(Of(served, 12), (GaugeLevels{{kOslo, 150}}));
  EXPECT_TRUE(Of(served, 10).empty()) << "the master";
  EXPECT_EQ(ledger.Take({Vehicles("oslo", 1)}, {}, kSecondNs).size(), 0U);
  EXPECT_EQ(ledger.unmatched(), 1);
}

// Workers export each for itself; one that ended says nothing any more.
TEST(PodGauges, OfWorkersAreAddedUpWhileTheyExport) {
  PodCountLedger ledger;
  const std::vector<ProcessInfo> one = {Process(10)};
  (void)ledger.Take({Vehicles("oslo", 300, "worker 1")}, one, kSecondNs);
  auto served =
      ledger.Take({Vehicles("oslo", 20, "worker 2")}, one, 60 * kSecondNs);
  EXPECT_EQ(Of(served, 10), (GaugeLevels{{kOslo, 320}}));
  served =
      ledger.Take({Vehicles("oslo", 30, "worker 2")}, one, 120 * kSecondNs);
  EXPECT_EQ(Of(served, 10), (GaugeLevels{{kOslo, 330}}));
  served =
      ledger.Take({Vehicles("oslo", 30, "worker 2")}, one, 180 * kSecondNs);
  EXPECT_EQ(Of(served, 10), (GaugeLevels{{kOslo, 30}}));
}

TEST(PodGauges, AreCappedAsTheAgentCapsThem) {
  GaugeLevels levels;
  double all = 0;
  for (int city = 0; city < 60; ++city) {
    const std::string name = "city" + std::to_string(city);
    levels[{"vehicles", {{"city", name}, {"kind", "bus"}}}] = city;
    all += city;
  }
  const GaugeLevels capped = Capped(levels);
  EXPECT_EQ(capped.size(), kMostGaugeValues + 1);
  double sum = 0;
  for (const auto& [key, value] : capped) sum += value;
  EXPECT_EQ(sum, all) << "nothing is lost";
  const PodAttributes others = {{"city", "__other__"}, {"kind", "bus"}};
  EXPECT_EQ(capped.at({"vehicles", others}), 45) << "0 to 9 are the least";
  for (int gauge = 0; gauge < 20; ++gauge) {
    levels[{std::string(1, static_cast<char>('a' + gauge)), {}}] = 1;
  }
  const GaugeLevels named = Capped(levels);
  EXPECT_EQ(named.size(), kMostGauges) << "a to h";
  EXPECT_TRUE(named.contains({"h", {}}));
}

TEST(PodGauges, ManySeriesAreBounded) {
  PodGauges gauges;
  int taken = 0;
  for (int i = 0; i < 5'000; ++i) {
    taken += gauges.Set("", "vehicles", {{"city", std::to_string(i)}}, 1, 0);
  }
  EXPECT_EQ(taken, 1'000);
  EXPECT_TRUE(gauges.Set("", "vehicles", {{"city", "7"}}, 2, 0));
  EXPECT_LE(gauges.Levels(0).size(), kMostGaugeValues + 1);
  EXPECT_TRUE(gauges.Levels(1000 * kSecondNs).empty());
}

}  // namespace
}  // namespace plimsoll::collector
