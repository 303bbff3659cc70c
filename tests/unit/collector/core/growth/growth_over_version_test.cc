// What may be claimed of a new version beside the one before it, and what not.
#include "collector/core/growth/growth_over_version.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace plimsoll::collector {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kLimit_mib = 1000;
constexpr double kDeploy_h = 6;

int64_t Ns(double hours) {
  return 1'700'000'000'000'000'000 + static_cast<int64_t>(hours * 3.6e12);
}

// MiB by its age and the clock, in hours.
using Shape = std::function<double(double age, double clock)>;

Shape Leak(double mib_per_h) {
  return [=](double age, double) { return mib_per_h * age; };
}
double Flat(double, double) { return 0; }
// Fills evenly.
Shape Cache(double mib, double hours) {
  return [=](double age, double) { return mib * std::min(1.0, age / hours); };
}
Shape WarmUp(double mib, double minutes) {
  return [=](double age, double) {
    return mib * (1 - std::exp(-age * 60 / minutes));
  };
}
Shape Both(Shape a, Shape b) {
  return
      [=](double age, double clock) { return a(age, clock) + b(age, clock); };
}

struct Pod {
  std::string version;
  double start_h = 0, end_h = 0;
  Shape shape = Flat;
  double requests_per_h = 0;
  double seen_from_h = 0;
  double base_mib = 200;
};

class OverVersionTest : public ::testing::Test {
 protected:
  // What was seen up to `now_h`.
  OverVersion Ask(const std::vector<Pod>& pods, double now_h) {
    lives_.assign(pods.size(), {});
    std::vector<VersionLife> asked;
    for (size_t i = 0; i < pods.size(); ++i) {
      const Pod& pod = pods[i];
      std::mt19937_64 random(i);  // the same at each look
      std::normal_distribution<double> normal;
      WorkloadLife& life = lives_[i];
      life.start_ns = Ns(pod.start_h);
      life.version = pod.version;
      const double to_h = std::min(now_h, pod.end_h);
      for (double h = std::max(pod.start_h, pod.seen_from_h) + 0.01; h < to_h;
           h += 1. / 12) {
        const double mib =
            pod.base_mib + pod.shape(h - pod.start_h, h) + 2 * normal(random);
        life.blocks.push_back({Ns(h), mib * kMiB, 0, pod.requests_per_h / 12});
      }
      VersionLife one;
      one.life = one.counted = &life;
      one.pod = same_pod_ ? "pod" : "pod-" + std::to_string(i);
      one.alive = pod.end_h > now_h;
      if (!life.blocks.empty()) {
        one.left_bytes = kLimit_mib * kMiB - life.blocks.back().floor;
      }
      asked.push_back(one);
    }
    return AskVersionsBefore(asked, Ns(now_h));
  }

  // Three pods of each version, deployed within six minutes.
  static std::vector<Pod> Deploy(const Shape& before, const Shape& now,
                                 double now_requests = 0,
                                 double before_requests = 0) {
    std::vector<Pod> pods;
    for (int i = 0; i < 3; ++i) {
      const double at = kDeploy_h + i * 0.05;
      pods.push_back({"1", 0, at, before, before_requests});
      pods.push_back({"2", at, 100, now, now_requests});
    }
    return pods;
  }

  // At no look of the first three hours; "" or when it was claimed.
  std::string Claimed(const std::vector<Pod>& pods) {
    for (double h = kDeploy_h; h < kDeploy_h + 3; h += 1. / 12) {
      if (!Ask(pods, h).growing.empty()) {
        return std::to_string((h - kDeploy_h) * 60) + " min after the deploy";
      }
    }
    return "";
  }

  bool same_pod_ = false;

 private:
  std::vector<WorkloadLife> lives_;
};

TEST_F(OverVersionTest, ALeakOfTheNewVersionIsKnownInThreeQuartersOfAnHour) {
  const OverVersion over = Ask(Deploy(Flat, Leak(50)), kDeploy_h + 0.1 + 0.75);
  ASSERT_EQ(over.growing.size(), 3U) << over.why_not;
  for (const OverVersion::Growing& g : over.growing) {
    EXPECT_EQ(g.at % 2, 1U) << "a pod of version 1";
    EXPECT_LT(g.bytes_per_s.lo, 50 * kMiB / 3600);
    EXPECT_GT(g.bytes_per_s.hi, 50 * kMiB / 3600);
    EXPECT_GT(g.bytes_per_s.lo, 0);
    EXPECT_GT(g.z, 3);
  }
  EXPECT_LE(over.window_s, 2700);
}

TEST_F(OverVersionTest, TheLongestWindowThatHoldsIsTheOneSaid) {
  const auto pods = Deploy(Flat, Leak(50));
  const OverVersion early = Ask(pods, kDeploy_h + 0.9);
  const OverVersion late = Ask(pods, kDeploy_h + 2.5);
  EXPECT_GT(late.window_s, early.window_s);
  ASSERT_FALSE(late.growing.empty());
  ASSERT_FALSE(early.growing.empty());
}

TEST_F(OverVersionTest, NothingOfOnePod) {
  EXPECT_EQ(
      Ask({{"1", 0, 6, Flat}, {"1", 0, 6, Flat}, {"2", 6, 100, Leak(50)}}, 7)
          .why_not,
      "fewer than two of its pods are old enough");
  // Three of which one leaks.
  auto pods = Deploy(Flat, Flat);
  pods[1].shape = Leak(50);
  EXPECT_EQ(Claimed(pods), "");
}

TEST_F(OverVersionTest, TwoProcessesOfOnePodAreOnePod) {
  same_pod_ = true;
  EXPECT_EQ(Claimed(Deploy(Flat, Leak(50))), "");
}

TEST_F(OverVersionTest, NothingWhereMostOfItsPodsDoNotGrow) {
  std::vector<Pod> pods = Deploy(Flat, Flat);
  for (int i = 0; i < 3; ++i) pods.push_back({"2", 5.9, 100, Flat});
  pods[1].shape = pods[3].shape = Leak(50);
  EXPECT_EQ(Claimed(pods), "");
}

TEST_F(OverVersionTest, NothingWithFewLivesBefore) {
  std::vector<Pod> pods = Deploy(Flat, Leak(50));
  pods[2].version = pods[4].version = "";
  EXPECT_EQ(Ask(pods, 7).why_not,
            "too little was seen of versions before it at that age");
}

TEST_F(OverVersionTest, NothingWhereLivesBeforeWereShort) {
  std::vector<Pod> pods = Deploy(Flat, Leak(50));
  for (const size_t i : {0, 2, 4}) pods[i].start_h = kDeploy_h - 0.5;
  EXPECT_EQ(Claimed(pods), "");
}

TEST_F(OverVersionTest, NothingWhereLivesBeforeWereNotSeenAtThatAge) {
  std::vector<Pod> pods = Deploy(Flat, Leak(50));
  for (const size_t i : {0, 2, 4}) {
    pods[i].start_h = -10;
    pods[i].seen_from_h = 0;
  }
  EXPECT_EQ(Claimed(pods), "");
}

TEST_F(OverVersionTest, ACacheThatFillsInBothIsNone) {
  EXPECT_EQ(Claimed(Deploy(Cache(150, 3), Cache(150, 3))), "");
  EXPECT_EQ(Claimed(Deploy(Cache(150, 3), Cache(150, 1.5))), "")
      << "twice as fast, as it is busier";
}

TEST_F(OverVersionTest, WarmUpOfBothIsNoneAndALeakIsSeenPastIt) {
  EXPECT_EQ(Claimed(Deploy(WarmUp(150, 20), WarmUp(150, 20))), "");
  EXPECT_NE(Claimed(Deploy(WarmUp(100, 8), Both(WarmUp(100, 8), Leak(50)))),
            "");
}

TEST_F(OverVersionTest, ALeakOfBothIsNone) {
  EXPECT_EQ(Claimed(Deploy(Leak(50), Leak(50))), "");
  EXPECT_EQ(Claimed(Deploy(Leak(25), Leak(50))), "");
}

// Four times the requests, and a leak per request.
TEST_F(OverVersionTest, MoreRequestsAreNoneWhereTheyAreCounted) {
  EXPECT_EQ(Claimed(Deploy(Leak(12.5), Leak(50), 4000, 1000)), "");
  EXPECT_NE(Claimed(Deploy(Leak(12.5), Leak(50), 1000, 1000)), "");
}

TEST_F(OverVersionTest, ARollingRestartOfOneVersionIsNone) {
  std::vector<Pod> pods = Deploy(Flat, Leak(50));
  for (Pod& pod : pods) pod.version = "1";
  EXPECT_EQ(Ask(pods, 7).why_not, "no version before it is known");
  for (Pod& pod : pods) pod.version = "";
  EXPECT_EQ(Ask(pods, 7).why_not, "no version before it is known");
}

// 1, then 2, then 1 again: what 1 does now it did not begin.
TEST_F(OverVersionTest, GoingBackToAVersionIsNone) {
  std::vector<Pod> pods = Deploy(Flat, Leak(50));
  for (int i = 0; i < 2; ++i) pods.push_back({"1", -8, -4, Flat, 0, -8});
  for (const size_t i : {0, 2, 4}) pods[i].version = "2";
  for (const size_t i : {1, 3, 5}) pods[i].version = "1";
  EXPECT_EQ(Claimed(pods), "");
}

TEST_F(OverVersionTest, AStepAfterTheDeployIsNone) {
  for (double after_h = 0; after_h < 1; after_h += 0.1) {
    const auto reload = [=](double, double clock) {
      return clock > kDeploy_h + after_h ? 60.0 : 0;
    };
    EXPECT_EQ(Claimed(Deploy(reload, reload)), "") << after_h;
  }
}

TEST_F(OverVersionTest, ALargerBaseIsNone) {
  std::vector<Pod> pods = Deploy(Flat, Flat);
  for (const size_t i : {1, 3, 5}) pods[i].base_mib = 500;
  EXPECT_EQ(Claimed(pods), "");
}

// It takes twenty minutes, and is over.
TEST_F(OverVersionTest, AHigherPlateauIsNone) {
  EXPECT_EQ(Claimed(Deploy(Flat, Cache(100, 0.33))), "");
  EXPECT_EQ(Claimed(Deploy(Flat, WarmUp(100, 8))), "");
}

TEST_F(OverVersionTest, ASawThatBothHaveIsNone) {
  const auto saw = [](double age, double) {
    return 60 * std::fmod(age, 0.8) / 0.8;
  };
  EXPECT_EQ(Claimed(Deploy(saw, saw)), "");
}

TEST_F(OverVersionTest, ALeakThatCameLaterDidNotComeWithTheVersion) {
  const auto later = [](double age, double) {
    return 50 * std::max(0.0, age - 1);
  };
  EXPECT_EQ(Claimed(Deploy(Flat, later)), "");
}

// Half of the pods stay; all grow.
TEST_F(OverVersionTest, GrowthOfTheVersionBeforeAtTheSameTimeIsNone) {
  const auto since = [](double, double clock) {
    return 50 * std::max(0.0, clock - kDeploy_h);
  };
  std::vector<Pod> pods = Deploy(since, since);
  for (int i = 0; i < 3; ++i) pods.push_back({"1", 0, 100, since});
  EXPECT_EQ(Claimed(pods), "");
}

TEST_F(OverVersionTest, NothingWhereTheLimitIsFarAway) {
  EXPECT_EQ(Claimed(Deploy(Flat, Leak(8))), "") << "four days";
}

}  // namespace
}  // namespace plimsoll::collector
