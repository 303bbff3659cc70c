#include "collector/core/history/used_memory.h"

#include <gtest/gtest.h>

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::vector<Sample> At(std::initializer_list<std::pair<int, double>> points) {
  std::vector<Sample> out;
  for (const auto& [second, value] : points) {
    out.push_back({second * kSecond, value});
  }
  return out;
}

std::vector<std::pair<int, double>> Seconds(const std::vector<Sample>& s) {
  std::vector<std::pair<int, double>> out;
  for (const Sample& one : s) {
    out.emplace_back(static_cast<int>(one.time_ns / kSecond), one.value);
  }
  return out;
}

using Pairs = std::vector<std::pair<int, double>>;

TEST(UsedMemory, IsWhatAllocatorsDoNotHoldFree) {
  UsedMemory used;
  EXPECT_EQ(
      Seconds(used.Add(At({{10, 500}, {20, 520}, {30, 540}}),
                       At({{10, 40}, {30, 60}}), At({{10, 100}, {30, 30}}))),
      (Pairs{{10, 360}, {30, 450}}));
}

TEST(UsedMemory, ATimeAtWhichMallocWasNotWalkedSaysTooLittle) {
  UsedMemory used;
  EXPECT_EQ(Seconds(used.Add(At({{10, 500}, {20, 520}}),
                             At({{10, 40}, {20, 50}}), At({{10, 100}}))),
            (Pairs{{10, 360}}));
  EXPECT_TRUE(used.Add(At({{30, 540}}), At({{30, 50}}), {}).empty())
      << "headers alone, and it was walked before";
  EXPECT_EQ(Seconds(used.Add(At({{40, 540}}), At({{40, 50}}), At({{40, 90}}))),
            (Pairs{{40, 400}}));
}

TEST(UsedMemory, WhereMallocIsNotGlibcsItIsPythonsPartAlone) {
  UsedMemory used;
  EXPECT_EQ(Seconds(used.Add(At({{10, 500}}), At({{10, 40}}), {})),
            (Pairs{{10, 460}}));
}

TEST(UsedMemory, ACensusBetweenSamplesGoesWithTheOneBefore) {
  UsedMemory used;
  EXPECT_TRUE(used.Add({}, At({{5, 10}}), {}).empty()) << "of no memory yet";
  used.Add(At({{10, 500}, {20, 520}}), {}, {});
  EXPECT_EQ(Seconds(used.Add(At({{30, 600}}), At({{25, 20}}), {})),
            (Pairs{{25, 500}}));
  EXPECT_TRUE(used.Add({}, At({{100, 20}}), {}).empty()) << "too long before";
}

TEST(UsedMemory, MoreFreeThanThereIsIsNothingInUse) {
  UsedMemory used;
  EXPECT_EQ(Seconds(used.Add(At({{10, 500}}), At({{10, 1e18}}), {})),
            (Pairs{{10, 0}}));
}

}  // namespace
}  // namespace plimsoll::collector
