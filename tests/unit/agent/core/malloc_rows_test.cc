#include "agent/core/malloc_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

using ::testing::HasSubstr;

Frame Native(const char* function, const char* module) {
  return {function, "", 0, module, true};
}
const Stack kPython = {{{"render", "app.py", 12, "", false}}, false};
const NativeStack kKeeper = {
    {Native("keep", "libkeeper.so"), Native("near f", "python3.11")}};

MallocCounts OneRow(int64_t allocations, int64_t frees) {
  MallocCounts counts;
  counts.stacks.resize(2);
  counts.snapshots.resize(1);
  counts.rows.push_back({1,
                         0,
                         {.allocations = allocations,
                          .allocated_bytes = 100 * allocations,
                          .frees = frees,
                          .freed_bytes = 100 * frees,
                          .surviving_blocks = allocations - frees,
                          .surviving_bytes = 100 * (allocations - frees)}});
  return counts;
}

TEST(MallocRows, EqualStacksOfSeveralWindowsAreOneRow) {
  std::vector<MallocStack> sums;
  MallocCounts counts = OneRow(7, 3);
  // Another native way of the same name, such as another thread's.
  counts.snapshots.resize(2);
  counts.rows.push_back(counts.rows[0]);
  counts.rows[1].snapshot = 1;
  AddMallocRows(counts, {{}, kPython}, {kKeeper, kKeeper}, "python3.11", sums);
  AddMallocRows(OneRow(5, 5), {{}, kPython}, {kKeeper}, "python3.11", sums);
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].tally.allocations, 19);
  EXPECT_EQ(sums[0].tally.frees, 11);
  EXPECT_EQ(sums[0].tally.allocated_bytes, 1900);
  EXPECT_EQ(sums[0].tally.freed_bytes, 1100);
  EXPECT_EQ(sums[0].tally.surviving_blocks, 8);
  EXPECT_EQ(sums[0].tally.surviving_bytes, 800);
  ASSERT_EQ(sums[0].stack.frames.size(), 2U);
  EXPECT_EQ(sums[0].stack.frames[0].function, "keep");
  EXPECT_EQ(sums[0].stack.frames[1].function, "render");
}

TEST(MallocRows, ARowThatWasNotUnwoundKeepsWhatPythonCalled) {
  std::vector<MallocStack> sums;
  AddMallocRows(OneRow(1, 0), {{}, kPython}, {}, "python3.11", sums);
  ASSERT_EQ(sums.size(), 1U);
  ASSERT_EQ(sums[0].stack.frames.size(), 1U);
  EXPECT_EQ(sums[0].stack.frames[0].function, "render");
}

TEST(MallocRows, WhatWasFollowedStandsForAll) {
  std::vector<MallocStack> sums;
  MallocCounts counts = OneRow(7, 3);
  counts.sample_every = 16;
  AddMallocRows(counts, {{}, kPython}, {kKeeper}, "python3.11", sums);
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].tally.allocations, 112);
  EXPECT_EQ(sums[0].tally.freed_bytes, 4800);
  EXPECT_EQ(sums[0].tally.surviving_blocks, 64);
  EXPECT_EQ(sums[0].tally.surviving_bytes, 6400);
  EXPECT_EQ(sums[0].tally.samples, 4);
  // Frees of what was not followed say nothing of unseen ones.
  counts.unseen_frees = 1;
  counts.older_frees = 1'000'000;
  EXPECT_THAT(SurvivorRefusal(counts, false, true, "glibc"),
              HasSubstr("handed out again"));
}

TEST(MallocRows, NoneSurvivedForSureWhereFreesMayHaveGoneBy) {
  MallocCounts counts = OneRow(5000, 4000);
  EXPECT_EQ(SurvivorRefusal(counts, false, true, "glibc"), "");
  EXPECT_THAT(SurvivorRefusal(counts, true, true, "glibc"),
              HasSubstr("budget"));
  EXPECT_THAT(SurvivorRefusal(counts, false, false, "jemalloc"),
              HasSubstr("malloc is jemalloc"));
  counts.unseen_frees = 4;
  EXPECT_EQ(SurvivorRefusal(counts, false, true, "glibc"), "");
  counts.unseen_frees = 5;
  EXPECT_THAT(SurvivorRefusal(counts, false, true, "glibc"),
              HasSubstr("5 addresses were handed out again"));
  counts.older_frees = 1000;  // seen as well
  EXPECT_EQ(SurvivorRefusal(counts, false, true, "glibc"), "");
}

}  // namespace
}  // namespace plimsoll::core
