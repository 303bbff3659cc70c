#include "collector/core/diagnosis/outlying_instance.h"

#include <gtest/gtest.h>

#include <random>

#include "collector/core/page/page_lines.h"

namespace plimsoll::collector {
namespace {

AffectedProcess Pod(int number, double rate, bool leaking) {
  AffectedProcess p;
  p.process = number;
  p.pod = "web-" + std::to_string(number);
  p.instance = "pod " + p.pod;
  p.bytes_per_s = {rate, rate - 10, rate + 10};
  p.leaking = leaking;
  return p;
}

Incident Of(const std::vector<AffectedProcess>& processes) {
  Incident i;
  i.processes = processes;
  i.workload_instances = static_cast<int32_t>(processes.size());
  i.regions.resize(1);
  i.regions[0].region = "eu";
  return i;
}

std::vector<AffectedProcess> OnePodOfTwelve(double others) {
  std::vector<AffectedProcess> pods = {Pod(7, 1000, true)};
  for (int i = 10; i < 21; ++i) pods.push_back(Pod(i, others, false));
  return pods;
}

TEST(OutlyingInstance, TheOneThatLeaksIsNamedInTheWhereLine) {
  EXPECT_EQ(WhereLine(Of(OnePodOfTwelve(1))),
            "only eu was seen; 1 of 12 pods: web-7 grows, the others do not");
  auto two = OnePodOfTwelve(1);
  two.resize(2);
  EXPECT_EQ(OutlierWords(Of(two)),
            "1 of 2 pods: web-7 grows, the other does not");
}

TEST(OutlyingInstance, OthersThatGrowSlowlyAreNotSaidToRest) {
  EXPECT_EQ(OutlierWords(Of(OnePodOfTwelve(40))),
            "1 of 12 pods: web-7 grows; 11 others grow too, and are not judged "
            "leaks yet");
}

TEST(OutlyingInstance, OfMoreThatLeakNoneIsTheOne) {
  auto pods = OnePodOfTwelve(1);
  pods[1].leaking = true;
  EXPECT_EQ(OutlierWords(Of(pods)), "");
  EXPECT_EQ(OutlierWords(Of({pods[0]})), "") << "there is no other";
}

TEST(OutlyingInstance, WhereAllLeakTheOneFarBeyondTheOthersIsNamed) {
  std::vector<AffectedProcess> pods = {Pod(7, 500, true)};
  for (int i = 10; i < 15; ++i) pods.push_back(Pod(i, 90.0 + i, true));
  EXPECT_EQ(OutlierWords(Of(pods)),
            "1 of 6 pods: web-7 grows 4.9x the other 5");
  pods[0] = Pod(7, 150, true);  // beyond them, and not by much
  EXPECT_EQ(OutlierWords(Of(pods)), "");
}

TEST(OutlyingInstance, TheOnlyOneOfItsRegionIsNotSaidTwice) {
  auto pods = OnePodOfTwelve(1);
  for (AffectedProcess& p : pods) p.region = p.leaking ? "us" : "eu";
  EXPECT_EQ(OutlierWords(Of(pods)), "");
  pods.back().region = "us";
  EXPECT_EQ(OutlierWords(Of(pods)),
            "1 of 12 pods: web-7 grows, the others do not");
}

TEST(OutlyingInstance, WorkersOfOneInstanceAreOne) {
  auto pods = OnePodOfTwelve(1);
  pods.push_back(pods.front());
  pods.back().process = 99;
  Incident i = Of(pods);
  i.workload_instances = 12;
  EXPECT_EQ(OutlierWords(i), "1 of 12 pods: web-7 grows, the others do not");
}

TEST(OutlyingInstance, OfPodsThatDifferByChanceNoneIsNamed) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  int named = 0;
  for (int run = 0; run < 2000; ++run) {
    std::vector<InstanceGrowth> pods(static_cast<size_t>(4 + run % 9));
    for (size_t i = 0; i < pods.size(); ++i) {
      const double rate = 100 + 40 * normal(random);
      pods[i].instance = "pod " + std::to_string(i);
      pods[i].leaking = true;
      pods[i].bytes_per_s = {rate, rate - 20, rate + 20};
    }
    named += FindOutlier(pods).has_value();
  }
  EXPECT_LE(named, 20) << "of 2,000";
}

}  // namespace
}  // namespace plimsoll::collector
