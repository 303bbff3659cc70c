#include "collector/core/stats/mean_slope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

Sample At(double t_s, double value) {
  return {static_cast<int64_t>(t_s * 1e9) + kSecondNs, value};
}

TEST(MeanSlope, OfALineIsItsOwnHoweverItIsLookedAt) {
  std::vector<Sample> even, uneven;
  for (int i = 0; i <= 100; ++i) {
    even.push_back(At(i * 10, 500 + 3.0 * i * 10));
    uneven.push_back(At(i * i * 0.1, 500 + 3.0 * i * i * 0.1));
  }
  EXPECT_NEAR(*MeanSlope(even), 3, 1e-9);
  EXPECT_NEAR(*MeanSlope(uneven), 3, 1e-9);
}

TEST(MeanSlope, SaysNothingOfTooLittle) {
  EXPECT_FALSE(MeanSlope({}).has_value());
  EXPECT_FALSE(MeanSlope({At(0, 1), At(1, 2), At(2, 3)}).has_value());
  EXPECT_FALSE(MeanSlope({At(5, 1), At(5, 2), At(5, 3), At(5, 4)}).has_value());
}

// A tooth rises for long and falls at once: the median of slopes is the rise.
TEST(MeanSlope, NothingOfASawIsInIt) {
  for (const double teeth : {3.0, 3.5, 4.3, 7.0, 20.4}) {
    for (const double phase : {0.0, 0.3, 0.7}) {
      std::vector<Sample> saw;
      for (int t = 0; t <= 3600; t += 10) {
        const double x = t / 3600.0 * teeth + phase;
        saw.push_back(At(t, 1000 * (x - std::floor(x))));
      }
      EXPECT_LT(std::abs(*MeanSlope(saw)) * 3600, 120)
          << teeth << " teeth, phase " << phase;
    }
  }
}

TEST(MeanSlope, OfPartsAddsUp) {
  std::vector<Sample> a, b, sum;
  for (int t = 0; t <= 600; t += 7) {
    const double x = 100 * std::sin(t * 0.05) + 2.0 * t;
    const double y = std::fmod(t * 13.0, 97.0);
    a.push_back(At(t, x)), b.push_back(At(t, y)), sum.push_back(At(t, x + y));
  }
  EXPECT_NEAR(*MeanSlope(a) + *MeanSlope(b), *MeanSlope(sum), 1e-9);
}

}  // namespace
}  // namespace plimsoll::collector
