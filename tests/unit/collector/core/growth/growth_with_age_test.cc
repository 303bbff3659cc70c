#include "collector/core/growth/growth_with_age.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace plimsoll::collector {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kLimit = 1024 * kMiB;
constexpr double kRate = 20 * kMiB / 3600;  // 2 % of the limit an hour

int64_t Ns(double hours) {
  return 1'700'000'000'000'000'000 + static_cast<int64_t>(hours * 3.6e12);
}

// Born at `start_h`, seen from `from_h` to `to_h`; `mib` of clock and age.
WorkloadLife Make(double start_h, double from_h, double to_h,
                  const std::function<double(double clock, double age)>& mib) {
  WorkloadLife life;
  life.start_ns = Ns(start_h);
  for (double h = std::max(from_h, start_h); h < to_h; h += 1. / 12) {
    life.blocks.push_back({Ns(h), mib(h, h - start_h) * kMiB, 0, 0});
  }
  return life;
}

double Leak(double, double age) { return 200 + 20 * age; }
double Load(double clock, double) { return 200 + 20 * clock; }
double GivenBack(double clock, double age) {
  return 200 + std::fmod(20 * age, 300) + 0 * clock;
}

AgeWord Ask(const std::vector<WorkloadLife>& lives) {
  return AskAges(lives, 0, kRate, 3 * 3600, kLimit);
}

TEST(GrowthWithAge, ALeakStandsWhereItsAgeHasBroughtIt) {
  EXPECT_EQ(Ask({Make(-2, 0, 4, Leak), Make(-10, 0, 4, Leak)}),
            AgeWord::kWithAge);
}

TEST(GrowthWithAge, LoadLiftsYoungAndOldAlike) {
  EXPECT_EQ(Ask({Make(-2, 0, 4, Load), Make(-9, 0, 4, Load)}),
            AgeWord::kNotWithAge);
}

TEST(GrowthWithAge, ARestartShowsWhichOfThemItIs) {
  // The old one ends when the young one begins.
  EXPECT_EQ(Ask({Make(4, 0, 8, Leak), Make(-6, 0, 4, Leak)}),
            AgeWord::kWithAge);
  EXPECT_EQ(Ask({Make(4, 0, 8, Load), Make(-6, 0, 4, Load)}),
            AgeWord::kNotWithAge);
}

TEST(GrowthWithAge, OneThatIsOlderThanItsGrowthComesAndGoes) {
  // 60 hours at 20 MiB/h would be 1,200 MiB: it stands at 200 to 500.
  EXPECT_EQ(Ask({Make(-60, 0, 4, GivenBack)}), AgeWord::kNotWithAge);
  EXPECT_EQ(Ask({Make(-1, 0, 4, GivenBack), Make(-60, 0, 4, GivenBack)}),
            AgeWord::kNotWithAge)
      << "a sibling's word";
}

TEST(GrowthWithAge, AliveAtOneAgeTheySayNothing) {
  EXPECT_EQ(Ask({Make(0, 0, 4, Leak), Make(0.05, 0, 4, Leak)}),
            AgeWord::kNothing);
  EXPECT_EQ(Ask({Make(0, 0, 4, Leak)}), AgeWord::kNothing);
}

TEST(GrowthWithAge, ThoseThatDoNotGrowAreNotCompared) {
  const auto flat = [](double, double) { return 230.0; };
  EXPECT_EQ(Ask({Make(-2, 0, 4, Leak), Make(-10, 0, 4, flat)}),
            AgeWord::kNothing);
}

TEST(GrowthWithAge, NothingComesOfNothing) {
  WorkloadLife empty;
  EXPECT_EQ(Ask({Make(-2, 0, 4, Leak), empty}), AgeWord::kNothing);
  EXPECT_EQ(AskAges({Make(-2, 0, 4, Leak)}, 0, 0, 3600, kLimit),
            AgeWord::kNothing);
}

}  // namespace
}  // namespace plimsoll::collector
