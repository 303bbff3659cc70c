#include "collector/core/history/life_rise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace plimsoll::collector {
namespace {

constexpr double kBlock_s = 300;

// A floor each five minutes, by its age in seconds.
WorkloadLife Make(double to_s, const std::function<double(double)>& bytes) {
  WorkloadLife life;
  life.start_ns = 1'700'000'000'000'000'000;
  for (double s = 30; s < to_s; s += kBlock_s) {
    life.blocks.push_back(
        {life.start_ns + static_cast<int64_t>(s * 1e9), bytes(s), 0, 0});
  }
  return life;
}

TEST(LifeRise, OfAStraightLineIsItsSlope) {
  const auto rise =
      RiseOf(Make(9000, [](double s) { return 5 * s; }), 1000, 3600);
  ASSERT_TRUE(rise.has_value());
  EXPECT_DOUBLE_EQ(rise->bytes_per_s(), 5);
  EXPECT_NEAR(rise->step_bytes(0), rise->step_bytes(1), 5 * kBlock_s);
}

TEST(LifeRise, TeethThatAreShorterThanAThirdDoNotCount) {
  const auto saw = [](double s) { return std::fmod(s, 1200); };
  const auto rise = RiseOf(Make(9000, saw), 900, 3600);
  ASSERT_TRUE(rise.has_value());
  EXPECT_NEAR(rise->bytes_per_s(), 0, 1e-9);
}

TEST(LifeRise, NothingWhereTheWindowWasNotSeen) {
  const auto flat = [](double) { return 1.0; };
  EXPECT_FALSE(RiseOf(Make(3000, flat), 300, 3600).has_value());
  EXPECT_TRUE(RiseOf(Make(3900, flat), 300, 3600).has_value());
  WorkloadLife gap = Make(9000, flat);
  gap.blocks.erase(gap.blocks.begin() + 3, gap.blocks.begin() + 8);
  EXPECT_FALSE(RiseOf(gap, 1000, 3600).has_value()) << "no first third";
  EXPECT_FALSE(RiseOf({}, 1000, 3600).has_value());
}

TEST(LifeRise, MeanOfTheBlocksThatHaveBegunInTime) {
  const WorkloadLife life = Make(3000, [](double s) { return s; });
  const auto mean = MeanBetween(life, 330, 930);
  ASSERT_TRUE(mean.has_value());
  EXPECT_DOUBLE_EQ(mean->age_s, 480) << "of 330 and 630";
  EXPECT_DOUBLE_EQ(mean->bytes, 480);
  EXPECT_FALSE(MeanBetween(life, 331, 629).has_value());
}

// Of lives with gaps and blocks that come early or late.
TEST(RisesOfLife, AreThoseOfEachWindowAloneToTheLastDigit) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> share;
  int seen = 0, not_seen = 0;
  for (int run = 0; run < 200; ++run) {
    WorkloadLife life = Make(1e4 + 6e4 * share(random), [&](double s) {
      return 1e5 * s * share(random) + 1e9 * share(random);
    });
    std::erase_if(life.blocks, [&](const MemoryBlock&) {
      return share(random) < 0.002 * (run % 100);
    });
    for (MemoryBlock& b : life.blocks) {
      b.time_ns += static_cast<int64_t>(299e9 * share(random));
    }
    const double window_s = 1800 + 4200 * share(random);
    RisesOfLife rises(life, window_s);
    ASSERT_EQ(rises.ages_s().size(), life.blocks.size());
    for (const double age_s : rises.ages_s()) {
      const double from_s = age_s - (run % 2 == 0 ? 0 : 150);
      const auto one = rises.From(from_s);
      const auto plain = RiseOf(life, from_s, window_s);
      ASSERT_EQ(one.has_value(), plain.has_value()) << run << " " << age_s;
      ++(plain ? seen : not_seen);
      if (!plain) continue;
      EXPECT_EQ(one->bytes_per_s(), plain->bytes_per_s());
      EXPECT_EQ(one->from_s, plain->from_s);
      for (size_t k = 0; k < 2; ++k) {
        EXPECT_EQ(one->step_bytes(k), plain->step_bytes(k));
      }
    }
  }
  EXPECT_GT(seen, 1000);
  EXPECT_GT(not_seen, 1000);
}

}  // namespace
}  // namespace plimsoll::collector
