#include "collector/core/history/pod_counts.h"

#include <gtest/gtest.h>

namespace plimsoll::collector {
namespace {

ProcessInfo Process(ProcessKey key, const std::string& pod, int32_t parent = 1,
                    const std::string& container = "app") {
  ProcessInfo p;
  p.key = key;
  p.pid = static_cast<int32_t>(key);
  p.parent_pid = parent;
  p.workload = {"prod", "shop", "Deployment", "web"};
  p.pod = pod;
  p.container = container;
  return p;
}

PodCount Count(const std::string& pod, const std::string& city, double value) {
  PodCount c;
  c.ns = "shop";
  c.pod = pod;
  c.attributes = {{"city", city}};
  c.value = value;
  return c;
}

int64_t now_ns = 0;

double Of(const std::vector<ProcessRequests>& served, ProcessKey key,
          const std::string& city) {
  for (const ProcessRequests& one : served) {
    if (one.process.key != key) continue;
    const auto at = one.counts.find({{"city", city}});
    return at == one.counts.end() ? -1 : at->second;
  }
  return -1;
}

TEST(PodCounts, StepsOfAPodAreItsProcesses) {
  PodCountLedger ledger;
  const std::vector<ProcessInfo> processes = {Process(10, "web-1"),
                                              Process(20, "web-2")};
  auto served =
      ledger.Take({Count("web-1", "oslo", 1000), Count("web-2", "oslo", 7)},
                  processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "oslo"), 0) << "before the first look: nobody's";
  served = ledger.Take({Count("web-1", "oslo", 1030), Count("web-1", "lima", 5),
                        Count("web-2", "oslo", 7)},
                       processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "oslo"), 30);
  EXPECT_EQ(Of(served, 10, "lima"), 5) << "began between the looks";
  EXPECT_EQ(Of(served, 20, "oslo"), 0);
  served = ledger.Take({Count("web-1", "oslo", 1040)}, processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "oslo"), 40);
  ASSERT_EQ(served.size(), 1U) << "web-2 was not told of";
}

TEST(PodCounts, ACounterThatBeginsAnewLosesNothing) {
  PodCountLedger ledger;
  const std::vector<ProcessInfo> processes = {Process(10, "web-1")};
  ledger.Take({Count("web-1", "oslo", 1000)}, processes, ++now_ns);
  ledger.Take({Count("web-1", "oslo", 1010)}, processes, ++now_ns);
  const auto served =
      ledger.Take({Count("web-1", "oslo", 4)}, processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "oslo"), 14);
}

TEST(PodCounts, StepsAddUpAndSeriesOfTheSameAttributesToo) {
  PodCountLedger ledger;
  const std::vector<ProcessInfo> processes = {Process(10, "web-1")};
  PodCount step = Count("web-1", "oslo", 3);
  step.is_step = true;
  ledger.Take({step}, processes, ++now_ns);
  auto served = ledger.Take({step}, processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "oslo"), 6);
  PodCount one = Count("web-1", "lima", 100), other = one;
  one.series = "worker=1", other.series = "worker=2";
  other.value = 50;
  PodCountLedger another;
  another.Take({one, other}, processes, ++now_ns);
  one.value = 105, other.value = 51;
  served = another.Take({one, other}, processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "lima"), 6);
}

TEST(PodCounts, WorkersOfAPodShareThemAndTheirMasterHasNone) {
  PodCountLedger ledger;
  std::vector<ProcessInfo> processes = {
      Process(10, "web-1"), Process(11, "web-1", 10), Process(12, "web-1", 10)};
  ledger.Take({Count("web-1", "oslo", 0)}, processes, ++now_ns);
  auto served = ledger.Take({Count("web-1", "oslo", 60)}, processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "oslo"), -1);
  EXPECT_EQ(Of(served, 11, "oslo"), 30);
  EXPECT_EQ(Of(served, 12, "oslo"), 30);
  // One ends; no counter of the other goes back.
  processes.pop_back();
  served = ledger.Take({Count("web-1", "oslo", 100)}, processes, ++now_ns);
  EXPECT_EQ(Of(served, 11, "oslo"), 70);
}

TEST(PodCounts, NamespaceClusterAndContainerMustFit) {
  PodCountLedger ledger;
  const std::vector<ProcessInfo> processes = {
      Process(10, "web-1", 1, "app"), Process(11, "web-1", 1, "sidecar")};
  PodCount count = Count("web-1", "oslo", 0);
  count.container = "sidecar";
  ledger.Take({count}, processes, ++now_ns);
  count.value = 9;
  auto served = ledger.Take({count}, processes, ++now_ns);
  EXPECT_EQ(Of(served, 10, "oslo"), -1);
  EXPECT_EQ(Of(served, 11, "oslo"), 9);
  count.cluster = "other";
  EXPECT_TRUE(ledger.Take({count}, processes, ++now_ns).empty());
  EXPECT_EQ(ledger.unmatched(), 1);
  PodCount elsewhere = Count("web-1", "oslo", 5);
  elsewhere.ns = "billing";
  EXPECT_TRUE(ledger.Take({elsewhere}, processes, ++now_ns).empty());
}

TEST(PodCounts, AttributesAreBoundedAndTheirSumStays) {
  PodCountLedger ledger;
  const std::vector<ProcessInfo> processes = {Process(10, "web-1")};
  std::vector<PodCount> counts;
  for (int i = 0; i < 2000; ++i) {
    counts.push_back(Count("web-1", "c" + std::to_string(i), 0));
  }
  ledger.Take(counts, processes, ++now_ns);
  for (PodCount& count : counts) count.value = 2;
  const auto served = ledger.Take(counts, processes, ++now_ns);
  ASSERT_EQ(served.size(), 1U);
  EXPECT_LE(served[0].counts.size(), 501U);
  double sum = 0;
  for (const auto& [attributes, value] : served[0].counts) sum += value;
  EXPECT_EQ(sum, 4000);
}

}  // namespace
}  // namespace plimsoll::collector
