// Types of heaps that are sampled: what the error of a count explains.
#include "collector/core/types/type_watch.h"

#include <gtest/gtest.h>

#include <random>

namespace plimsoll::collector {
namespace {

bool Rises(const std::vector<double>& counts, double error) {
  TypeWatch watch({});
  double t_s = 0;
  for (const double count : counts) {
    watch.AddCensus(t_s, {{.type = "app.Order",
                           .objects = count,
                           .bytes = 64 * count,
                           .objects_error = error}});
    t_s += 60;
  }
  return watch.AnyRising(0);
}

TEST(TypeWatchTest, AStepDownThatTheErrorExplainsIsNone) {
  const std::vector<double> counts = {1000, 1300, 1560, 1900, 2190, 2170};
  EXPECT_FALSE(Rises(counts, 0));
  EXPECT_TRUE(Rises(counts, 30));
  EXPECT_FALSE(Rises({1000, 1300, 1560, 1900, 2190, 1900}, 30));
}

TEST(TypeWatchTest, AGainThatTheErrorExplainsIsNone) {
  const std::vector<double> counts = {1000, 1020, 1040, 1060, 1080, 1100};
  EXPECT_TRUE(Rises(counts, 0));
  EXPECT_TRUE(Rises(counts, 20));
  EXPECT_FALSE(Rises(counts, 30));
}

// As many looks as are kept, of a count that does not change.
TEST(TypeWatchTest, ARestingTypeOfASampledHeapDoesNotRise) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(0, 500);
  int rises = 0;
  for (int run = 0; run < 500; ++run) {
    std::vector<double> counts;
    for (int i = 0; i < 12; ++i) counts.push_back(10'000 + noise(random));
    rises += Rises(counts, 500);
  }
  EXPECT_LE(rises, 5);
}

// A tenth more at each look, each with an error of a twentieth.
TEST(TypeWatchTest, AGrowingTypeOfASampledHeapRises) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> noise(0, 500);
  int rises = 0;
  for (int run = 0; run < 500; ++run) {
    std::vector<double> counts;
    for (int i = 0; i < 12; ++i) {
      counts.push_back(10'000 + 1'000 * i + noise(random));
    }
    rises += Rises(counts, 500);
  }
  EXPECT_GE(rises, 450);
}

}  // namespace
}  // namespace plimsoll::collector
