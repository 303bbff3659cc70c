#include "collector/core/growth/lives_before.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace plimsoll::collector {
namespace {

// It is sought where it is, in time order: of windows before, in, over the end
// of and past a life with gaps.
TEST(LivesBefore, RequestsAreThoseOfTheBlocksInTheWindow) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> share;
  WorkloadLife life;
  life.start_ns = 1'700'000'000'000'000'000;
  for (double s = 20; s < 20'000;
       s += 300 * (1 + std::floor(3 * share(random)))) {
    life.blocks.push_back({life.start_ns + static_cast<int64_t>(s * 1e9), 0, 0,
                           1000 * share(random)});
  }
  VersionLife asked;
  EXPECT_EQ(RequestsPerSecond(asked, 0, 1800), 0) << "not counted";
  asked.counted = &life;
  for (int run = 0; run < 500; ++run) {
    const double from_s = -4000 + 26'000 * share(random);
    const double window_s = 5000 * share(random);
    double requests = 0;
    for (const MemoryBlock& b : life.blocks) {
      const double age_s = AgeOf(life, b);
      if (age_s >= from_s && age_s < from_s + window_s) requests += b.requests;
    }
    EXPECT_EQ(RequestsPerSecond(asked, from_s, window_s), requests / window_s);
  }
  EXPECT_GT(RequestsPerSecond(asked, 0, 20'000), 0);
}

}  // namespace
}  // namespace plimsoll::collector
