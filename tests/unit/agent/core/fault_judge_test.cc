#include "agent/core/fault_judge.h"

#include <gtest/gtest.h>

#include <optional>

namespace plimsoll::core {
namespace {

Mapping At(uint64_t start, uint64_t end, const std::string& path = "") {
  Mapping mapping;
  mapping.start = start;
  mapping.end = end;
  mapping.readable = mapping.writable = true;
  mapping.path = path;
  return mapping;
}

TEST(FaultJudgeTest, GrowthFallsIntoPrivateMemoryOfNoFile) {
  std::vector<Mapping> maps = {At(0x1000, 0x3000, "[heap]"), At(0x4000, 0x5000),
                               At(0x5000, 0x6000),
                               At(0x7000, 0x9000, "[stack]")};
  maps[1].shared = true;
  maps[2].inode = 7;
  for (const uint64_t address : {0x1000, 0x2fff}) {
    EXPECT_TRUE(IsGrowable(maps, address)) << address;
  }
  for (const uint64_t address : {0x0, 0x3000, 0x4800, 0x5000, 0x7100, 0x9000}) {
    EXPECT_FALSE(IsGrowable(maps, address)) << address;
  }
  EXPECT_FALSE(IsGrowable({}, 0x1000));
}

TEST(FaultJudgeTest, BeforeTheFirstListNothingIsKnown) {
  FaultJudge judge;
  EXPECT_EQ(judge.IsFresh(0x1000, 5), std::nullopt);
  judge.Learn({{0x8000, 0x9000}}, 10, 20);
  EXPECT_EQ(judge.IsFresh(0x2000, 9), std::nullopt);
  EXPECT_EQ(judge.IsFresh(0x3000, 15), std::nullopt);
  EXPECT_EQ(judge.IsFresh(0x8000, 21), false);
  EXPECT_EQ(judge.IsFresh(0x4000, 22), true);
  EXPECT_EQ(judge.IsFresh(0x4fff, 23), false) << "the same page";
  // It came while the list was read, so that it may not be in it.
  EXPECT_EQ(judge.IsFresh(0x3000, 24), false);
}

TEST(FaultJudgeTest, AFaultIsJudgedByTheListFromBeforeIt) {
  FaultJudge judge;
  judge.Learn({{0x1000, 0x2000}}, 10, 20);
  EXPECT_EQ(judge.IsFresh(0x1000, 21), false);
  // The next list holds what these faults took: they are growth all the same.
  judge.Learn({{0x1000, 0x4000}}, 100, 110);
  EXPECT_EQ(judge.IsFresh(0x2000, 90), true);
  EXPECT_EQ(judge.IsFresh(0x3000, 105), true);
  EXPECT_EQ(judge.IsFresh(0x2000, 120), false);
  // Given back before the list, and taken again: growth.
  judge.Learn({{0x1000, 0x3000}}, 200, 210);
  EXPECT_EQ(judge.IsFresh(0x3000, 220), true);
}

}  // namespace
}  // namespace plimsoll::core
