// Estimates from a sample of pools: that their intervals cover the truth as
// often as they say, on heaps whose pools are clusters of one type.
#include "agent/heap/pool_sample.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>
#include <random>

#include "agent/heap/census.h"
#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

struct MadeUpPool {
  uint32_t live = 0;
  uint32_t leaking = 0;  // of type 0
};

// `clustered`: pools hold either many or none; else each a few.
std::vector<MadeUpPool> MakeHeap(std::mt19937_64& random, bool clustered) {
  std::vector<MadeUpPool> pools(4000);
  for (MadeUpPool& pool : pools) {
    pool.live = random() % 4 == 0 ? 50 + random() % 204 : 254;
    if (clustered) {
      pool.leaking = random() % 5 == 0 ? pool.live * 9 / 10 : 0;
    } else {
      pool.leaking = static_cast<uint32_t>(random() % (pool.live / 4 + 1));
    }
  }
  return pools;
}

TEST(PoolSampleTest, NinetyFivePerCentOfIntervalsCoverTheTruth) {
  std::mt19937_64 random(2026);
  for (const bool clustered : {false, true}) {
    int covered = 0;
    double bias = 0;
    constexpr int kRounds = 400;
    for (int round = 0; round < kRounds; ++round) {
      auto pools = MakeHeap(random, clustered);
      double truth = 0;
      PoolSample sample;
      for (const MadeUpPool& pool : pools) {
        truth += pool.leaking;
        sample.AddHeader(64, pool.live);
      }
      std::shuffle(pools.begin(), pools.end(), random);
      for (int i = 0; i < 200; ++i) {
        sample.BeginPool(64, pools[i].live);
        for (uint32_t k = 0; k < pools[i].leaking; ++k) sample.AddObject(0);
        sample.EndPool();
      }
      const PoolSample::Estimate estimate = sample.Of(0);
      const double error = std::sqrt(estimate.variance);
      covered += std::abs(estimate.objects - truth) <= 1.96 * error;
      bias += (estimate.objects / truth - 1) / kRounds;
      EXPECT_DOUBLE_EQ(estimate.block_bytes, 64 * estimate.objects);
    }
    std::cout << covered << " of " << kRounds << " intervals cover, bias "
              << bias << "\n";
    // 380 of 400 are expected, with a standard deviation of 4.4.
    EXPECT_GE(covered, 364) << clustered;
    EXPECT_LE(covered, 396) << clustered;
    EXPECT_LT(std::abs(bias), 0.01) << clustered;
  }
}

// 781 pools of which 39 are read: a type alone in all but four of them. Found
// on a live heap, where 13 of 100 intervals held the truth.
TEST(PoolSampleTest, ATypeThatIsNearlyAloneHasAnErrorToo) {
  std::mt19937_64 random(7);
  int covered = 0;
  double widest = 0;
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint32_t> others(781);
    for (int i = 0; i < 4; ++i) others[static_cast<size_t>(i)] = 230;
    std::shuffle(others.begin(), others.end(), random);
    PoolSample sample;
    for (int i = 0; i < 781; ++i) sample.AddHeader(64, 254);
    for (size_t i = 0; i < 39; ++i) {
      sample.BeginPool(64, 254);
      for (uint32_t k = others[i]; k < 254; ++k) sample.AddObject(1);
      sample.EndPool();
    }
    const PoolSample::Estimate estimate = sample.Of(1);
    const double error = std::sqrt(estimate.variance);
    widest = std::max(widest, error / estimate.objects);
    covered +=
        std::abs(estimate.objects - (781 * 254 - 4 * 230)) <= 1.96 * error;
  }
  std::cout << covered << " of " << kRounds << " intervals cover, the widest "
            << "standard error " << 100 * widest << " %\n";
  EXPECT_GE(covered, 370);
  EXPECT_LT(widest, 0.06);
}

// No objects at all: 0 of 0 is no error that is not a number.
TEST(PoolSampleTest, PoolsWithoutObjectsAreAnEstimateOfNone) {
  PoolSample sample;
  for (int i = 0; i < 9; ++i) sample.AddHeader(64, 254);
  for (int i = 0; i < 3; ++i) {
    sample.BeginPool(64, 254);
    sample.EndPool();
  }
  EXPECT_EQ(sample.Of(PoolSample::kAnyType).objects, 0);
  EXPECT_EQ(sample.Of(PoolSample::kAnyType).variance, 0);
}

TEST(PoolSampleTest, AllPoolsInTheSampleAreNoEstimate) {
  PoolSample sample;
  for (uint32_t i = 0; i < 10; ++i) sample.AddHeader(32, 100);
  for (uint32_t i = 0; i < 10; ++i) {
    sample.BeginPool(32, 100);
    for (uint32_t k = 0; k < i; ++k) sample.AddObject(3);
    sample.EndPool();
  }
  EXPECT_DOUBLE_EQ(sample.Of(3).objects, 45);
  EXPECT_DOUBLE_EQ(sample.Of(3).variance, 0);
  EXPECT_DOUBLE_EQ(sample.Of(PoolSample::kAnyType).objects, 45);
  EXPECT_DOUBLE_EQ(sample.Of(7).objects, 0);
}

// Through the whole: 40 pools fit the builder's heap, 30 of each class are
// drawn at least.
TEST(PoolSampleTest, ACensusOfASampleHasAnErrorAndReadsLess) {
  testing::HeapBuilder heap(11);
  const uint64_t often = heap.AddType("often", heap.type());
  const uint64_t seldom = heap.AddType("seldom", heap.type());
  int64_t truth = 0;
  for (int p = 0; p < 44; ++p) {
    const auto pool = heap.AddPool(64);
    for (uint32_t i = 0; i < pool.carved; ++i) {
      if (i % 10 == 0) continue;
      heap.PutObject(pool, i, p % 4 == 0 ? seldom : often, 0);
      truth += p % 4 != 0;
    }
  }
  const auto take = [&](uint64_t seed, int64_t most) {
    auto census = TakeCensus(heap.memory(), heap.mappings(), heap.python(),
                             {.max_scan_bytes = most, .seed = seed});
    EXPECT_TRUE(census.ok()) << census.status();
    return *std::move(census);
  };
  const auto full = take(1, 0);
  EXPECT_FALSE(full.coverage.sampled);
  EXPECT_EQ(full.types[0].objects, truth);
  EXPECT_EQ(full.types[0].standard_error, 0);
  int covered = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const auto census = take(seed, 64 << 10);
    ASSERT_TRUE(census.coverage.sampled);
    EXPECT_EQ(census.coverage.total, full.coverage.total);
    EXPECT_EQ(census.coverage.seen, full.coverage.total / 44 * 30);
    EXPECT_EQ(census.arenas, full.arenas);
    EXPECT_LT(census.scanned_bytes, full.scanned_bytes);
    ASSERT_EQ(census.types[0].type, "often");
    EXPECT_GT(census.types[0].standard_error, 0);
    EXPECT_NEAR(census.unknown_blocks, full.unknown_blocks, 50);
    covered += std::abs(census.types[0].objects - truth) <=
               1.96 * census.types[0].standard_error + 1;
  }
  EXPECT_GE(covered, 178);
  EXPECT_EQ(take(5, 64 << 10).types[0].objects,
            take(5, 64 << 10).types[0].objects);
}

}  // namespace
}  // namespace plimsoll::heap
