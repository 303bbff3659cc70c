#include "collector/core/history/life_rise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

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

}  // namespace
}  // namespace plimsoll::collector
