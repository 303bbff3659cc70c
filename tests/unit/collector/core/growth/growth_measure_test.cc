#include "collector/core/growth/growth_measure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace plimsoll::collector {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kHour_s = 3600;
constexpr double kRate = 20 * kMiB / kHour_s;

int64_t Ns(double hours) {
  return 1'700'000'000'000'000'000 + static_cast<int64_t>(hours * 3.6e12);
}

// Born at `start_h`, seen from then or from 0 on until 12; `mib` of the clock.
WorkloadLife Make(double start_h, const std::function<double(double)>& mib,
                  double noise_mib, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise(0, noise_mib);
  WorkloadLife life;
  life.version = "v1";
  life.start_ns = Ns(start_h);
  for (double h = std::max(0.0, start_h); h < 12; h += 1. / 12) {
    life.blocks.push_back({Ns(h), (mib(h) + noise(random)) * kMiB, 0, 0});
  }
  return life;
}

struct Fleet {
  std::vector<WorkloadLife> lives;
  JudgementInput input{{}, 1024 * kMiB, {}};
  JudgementThresholds thresholds = {};
  JudgedLife At(size_t i) { return {lives, i, input, thresholds, Ns(12)}; }
};

double Leak(double h) { return 200 + 20 * h; }

TEST(GrowthMeasure, WhatALifeGainedIsInItsInterval) {
  int held = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Fleet fleet{{Make(-20, Leak, 1, seed)}};
    const auto measured = MeasureGrowth(fleet.At(0), 3 * kHour_s, 1);
    ASSERT_TRUE(measured.has_value());
    held +=
        measured->bytes_per_s.lo <= kRate && kRate <= measured->bytes_per_s.hi;
    EXPECT_EQ(measured->model_limited, "");
  }
  EXPECT_GE(held, 90);
}

TEST(GrowthMeasure, WhatHealthySiblingsGainMeanwhileIsNoLeak) {
  const auto load = [](double h) { return 200 + 5 * h; };
  const auto both = [&](double h) { return load(h) + 20 * h; };
  Fleet fleet{
      {Make(-20, both, .1, 1), Make(-25, load, .1, 2), Make(-30, load, .1, 3)}};
  const auto measured = MeasureGrowth(fleet.At(0), 3 * kHour_s, 1);
  ASSERT_TRUE(measured.has_value());
  EXPECT_NEAR(measured->bytes_per_s.value, kRate, 0.03 * kRate);
  // What meets the limit is all of it.
  const double headroom = (1024 - 200 - 25 * 12) * kMiB;
  EXPECT_NEAR(measured->time_to_limit->lo_s, headroom / (1.25 * kRate),
              0.1 * headroom / kRate);
}

// A fill may be all of it while it is as fast as fills are, and no more later.
TEST(GrowthMeasure, OfAYoungLifeWithoutSiblingsAFillIsLeftOpen) {
  const auto young = [](double h) { return 200 + 20 * (h - 8); };
  Fleet slow{{Make(8, young, .1, 1)}};
  const auto measured = MeasureGrowth(slow.At(0), kHour_s, 1);
  EXPECT_EQ(measured->bytes_per_s.lo, 0);
  EXPECT_GT(measured->bytes_per_s.hi, kRate);
  EXPECT_FALSE(measured->may_be_none);
  const auto fast = [](double h) { return 200 + 180 * (h - 8); };
  Fleet sure{{Make(8, fast, .1, 1)}};
  const Estimate rate = MeasureGrowth(sure.At(0), kHour_s, 1)->bytes_per_s;
  EXPECT_GT(rate.lo, 3 * kRate);
  EXPECT_LT(rate.lo, 6 * kRate);
}

TEST(GrowthMeasure, AFillThatALifeOfTheSameAgeHadIsLeftOut) {
  const auto young = [](double h) { return 200 + 20 * (h - 8); };
  // Born four hours before; what it gained at that age was little.
  const auto before = [](double h) { return 200 + 2 * std::min(4.0, h - 4); };
  Fleet fleet{{Make(8, young, .1, 1), Make(4, before, .1, 2)}};
  const auto measured = MeasureGrowth(fleet.At(0), kHour_s, 1);
  EXPECT_GT(measured->bytes_per_s.lo, 0.8 * kRate);
}

TEST(GrowthMeasure, MemoryThatCameBackBeforeIsMarked) {
  Fleet fleet{{Make(-10, Leak, .1, 1), Make(-12, Leak, .1, 2)}};
  EXPECT_EQ(MeasureGrowth(fleet.At(0), kHour_s, 2)->model_limited, "");
  fleet.lives[1].survived_peak = 400 * kMiB;
  EXPECT_NE(MeasureGrowth(fleet.At(0), kHour_s, 2)->model_limited, "");
}

// Of two lives that grow alike one is older than its growth.
TEST(GrowthMeasure, GrowthThatDoesNotGoWithAgeIsMarked) {
  Fleet fleet{{Make(-20, Leak, .1, 1), Make(-30, Leak, .1, 2)}};
  EXPECT_NE(MeasureGrowth(fleet.At(0), kHour_s, 2)->model_limited, "");
}

// The limit is near, and no life has shown what becomes of memory there.
TEST(GrowthMeasure, ARiseToALimitThatNoLifeWasSeenAtIsMarked) {
  const auto steep = [](double h) { return 200 + 45 * h; };
  Fleet fleet{{Make(-2, steep, .1, 1), Make(-1, steep, .1, 2)}};
  EXPECT_NE(MeasureGrowth(fleet.At(0), kHour_s, 1)->model_limited, "");
  fleet.lives[1].killed = true;
  EXPECT_EQ(MeasureGrowth(fleet.At(0), kHour_s, 1)->model_limited, "");
}

// The pods of another city leak less. They were taken for healthy and their
// leak was taken off.
TEST(GrowthMeasure, WhatSiblingsLeakThatServeLessOfItIsInTheInterval) {
  const auto less = [](double h) { return 200 + 4 * h; };
  Fleet fleet{{Make(-10, Leak, .1, 1), Make(-10, less, .1, 2)}};
  const Estimate rate = MeasureGrowth(fleet.At(0), 3 * kHour_s, 1)->bytes_per_s;
  EXPECT_LE(rate.lo, 0.8 * kRate);
  EXPECT_GE(rate.hi, kRate);
}

// What moves the pace moves that of all pods: their mean is as wide as one is.
TEST(GrowthMeasure, WhatAllPodsHaveInCommonIsNotAveragedOut) {
  const auto bends = [](double h) { return Leak(h) + 0.8 * (h - 9) * (h - 9); };
  Fleet fleet{{Make(-10, bends, .1, 1)}};
  const auto width = [&](size_t leaking) {
    const auto m = MeasureGrowth(fleet.At(0), 3 * kHour_s, leaking);
    return m->bytes_per_s.hi - m->bytes_per_s.lo;
  };
  EXPECT_GT(width(4) / width(1), 1.4);
}

TEST(GrowthMeasure, AnUnsteadyPaceHasAWideInterval) {
  const auto half = [](double h) {
    return Leak(h) + 15 * std::sin(h * 2 * 3.14159 / 5);
  };
  Fleet even{{Make(-20, Leak, .1, 1)}}, uneven{{Make(-20, half, .1, 1)}};
  const auto width = [](Fleet& fleet) {
    const auto m = MeasureGrowth(fleet.At(0), 2 * kHour_s, 1);
    return m->bytes_per_s.hi - m->bytes_per_s.lo;
  };
  EXPECT_GT(width(uneven), 5 * width(even));
}

TEST(GrowthMeasure, TheWindowIsAsShortAsTheNoiseAllows) {
  Fleet quiet{{Make(-20, Leak, .1, 1)}}, loud{{Make(-20, Leak, 8, 1)}};
  EXPECT_EQ(ChooseWindow({quiet.At(0)}, 6 * kHour_s), kHour_s);
  EXPECT_GT(ChooseWindow({loud.At(0)}, 6 * kHour_s), 2 * kHour_s);
  EXPECT_EQ(ChooseWindow({quiet.At(0)}, 1800), 1800);
}

TEST(GrowthMeasure, TooFewFloorsAreNothing) {
  Fleet fleet{{Make(11.8, Leak, 1, 1)}};
  EXPECT_FALSE(MeasureGrowth(fleet.At(0), kHour_s, 1).has_value());
}

}  // namespace
}  // namespace plimsoll::collector
