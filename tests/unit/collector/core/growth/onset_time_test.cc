// When a growth began, on lives of known noise.
#include "collector/core/growth/onset_time.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>

namespace plimsoll::collector {
namespace {

constexpr double kMiB = 1 << 20;

int64_t Ns(double hours) {
  return 1'700'000'000'000'000'000 + static_cast<int64_t>(hours * 3.6e12);
}

// MiB by the age, in hours, and by the clock.
using Shape = std::function<double(double age, double clock)>;

double Flat(double, double) { return 0; }
// The deploy is at 0.
Shape LeakFrom(double clock_h) {
  return
      [=](double, double clock) { return 50 * std::max(0.0, clock - clock_h); };
}
Shape Leak() {
  return [](double age, double) { return 50 * age; };
}
Shape Fill(double mib, double hours) {
  return [=](double age, double) { return mib * std::min(1.0, age / hours); };
}

class OnsetTimeTest : public ::testing::Test {
 protected:
  // Noise that follows itself, of so many MiB.
  WorkloadLife Make(double from_h, double to_h, const Shape& shape,
                    double seen_from_h = -100) {
    WorkloadLife life;
    life.start_ns = Ns(from_h);
    std::normal_distribution<double> normal;
    double noise = 0;
    const double level = 150 + 50 * std::abs(normal(random_));
    for (double h = from_h + 0.01; h < to_h; h += 1.0 / 12) {
      noise = follows_ * noise +
              noise_mib_ * std::sqrt(1 - follows_ * follows_) * normal(random_);
      if (h < seen_from_h) continue;
      const double mib = level + shape(h - from_h, h) + noise;
      life.blocks.push_back({Ns(h), mib * kMiB, mib * kMiB, 0});
    }
    return life;
  }

  // Three pods before and three since, deployed within six minutes.
  OnsetTime Ask(const Shape& before, const Shape& now, double now_h,
                double before_seen_from_h = -100) {
    std::vector<WorkloadLife> lives;
    for (int i = 0; i < 3; ++i) {
      const double at = 0.05 * i;
      lives.push_back(Make(-6, at, before, before_seen_from_h));
      lives.push_back(Make(at, now_h, now));
    }
    std::vector<const WorkloadLife*> new_ones, old_ones;
    for (size_t i = 0; i < lives.size(); ++i) {
      (i % 2 == 0 ? old_ones : new_ones).push_back(&lives[i]);
    }
    return TimeOfOnset(new_ones, old_ones);
  }

  double noise_mib_ = 4, follows_ = 0.55;
  std::mt19937_64 random_{7};
};

TEST_F(OnsetTimeTest, ALeakOfAllItsLivesBeganWithTheVersion) {
  const OnsetTime t = Ask(Flat, Leak(), 2);
  ASSERT_TRUE(t.known);
  EXPECT_GT(t.with_version, 0.95);
}

TEST_F(OnsetTimeTest, OneThatCameLaterIsDated) {
  const OnsetTime t = Ask(Flat, LeakFrom(1.5), 3);
  ASSERT_TRUE(t.known);
  EXPECT_LT(t.with_version, 0.05);
  EXPECT_LE(t.from_ns, Ns(1.5));
  EXPECT_GE(t.to_ns, Ns(1.5));
  EXPECT_NEAR(static_cast<double>(t.at_ns - Ns(1.5)), 0, 0.4 * 3.6e12);
}

// What its lives gain as those before them did is no leak and no onset.
TEST_F(OnsetTimeTest, WhatBothFillIsTakenOff) {
  const Shape fill = Fill(200, 2);
  const auto with = [&](const Shape& leak) -> Shape {
    return [=](double age, double clock) {
      return fill(age, clock) + leak(age, clock);
    };
  };
  EXPECT_GT(Ask(fill, with(Leak()), 3).with_version, 0.95);
  EXPECT_LT(Ask(fill, with(LeakFrom(1.5)), 3).with_version, 0.05);
}

// Pods that began after it leak from their start on, those before it do not.
TEST_F(OnsetTimeTest, PodsThatCameAfterItSayTheSame) {
  std::vector<WorkloadLife> lives;
  lives.push_back(Make(-6, 0, Flat));
  lives.push_back(Make(-6, 0.1, Flat));
  lives.push_back(Make(0, 4, LeakFrom(2)));
  lives.push_back(Make(2.5, 4, LeakFrom(2)));
  const OnsetTime t =
      TimeOfOnset({&lives[2], &lives[3]}, {&lives[0], &lives[1]});
  ASSERT_TRUE(t.known);
  EXPECT_LT(t.with_version, 0.05);
  EXPECT_NEAR(static_cast<double>(t.at_ns - Ns(2)), 0, 0.5 * 3.6e12);
}

// A leak per request at thrice the traffic is faster; it did not begin then.
TEST_F(OnsetTimeTest, OneThatTurnsFasterIsNotSaidToHaveComeLater) {
  const Shape turns = [](double age, double) {
    return 20 * age + 40 * std::max(0.0, age - 2);
  };
  const OnsetTime t = Ask(Flat, turns, 5);
  ASSERT_TRUE(t.known);
  EXPECT_GT(t.with_version, 0.5);
}

// Half an hour of a leak that is as large as the noise.
TEST_F(OnsetTimeTest, WhatTheNoiseHidesIsNotTold) {
  noise_mib_ = 25, follows_ = 0.8;
  const OnsetTime t = Ask(Flat, Leak(), 1);
  ASSERT_TRUE(t.known);
  EXPECT_GT(t.with_version, 0.05);
  EXPECT_LT(t.with_version, 0.95);
}

TEST_F(OnsetTimeTest, NotKnownWhereNoneBeforeWasSeenAtThatAge) {
  EXPECT_FALSE(Ask(Flat, Leak(), 2, -1).known);
  EXPECT_FALSE(TimeOfOnset({}, {}).known);
}

// Of leaks that begin with the version and of those that come an hour to three
// later, with noise of any memory: what is said surely is right.
TEST_F(OnsetTimeTest, WhatIsSaidSurelyIsRight) {
  int with = 0, with_right = 0, later = 0, later_right = 0, dated = 0;
  constexpr int kRuns = 120;
  for (int run = 0; run < kRuns; ++run) {
    std::uniform_real_distribution<double> share;
    noise_mib_ = 2 + 8 * share(random_);
    follows_ = 0.8 * share(random_);
    const bool is_later = run % 2 == 0;
    const double since_h = is_later ? 1 + 2 * share(random_) : 0;
    const OnsetTime t = Ask(Flat, is_later ? LeakFrom(since_h) : Leak(),
                            since_h + 0.75 + 2 * share(random_));
    ASSERT_TRUE(t.known);
    if (t.with_version >= 0.95) ++with, with_right += !is_later;
    if (t.with_version > 0.05) continue;
    ++later, later_right += is_later;
    dated += is_later && t.from_ns <= Ns(since_h) && t.to_ns >= Ns(since_h);
  }
  EXPECT_GE(with_right, 0.95 * with);
  EXPECT_GE(later_right, 0.95 * later);
  EXPECT_GE(dated, 0.9 * later);
  // Most are told.
  EXPECT_GE(with, kRuns / 4);
  EXPECT_GE(later, kRuns / 4);
}

}  // namespace
}  // namespace plimsoll::collector
