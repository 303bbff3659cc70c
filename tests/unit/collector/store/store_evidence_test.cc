// Stack profiles as the database holds them, read back as evidence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "collector/store/store_impl.h"

namespace plimsoll::collector::store {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<StackEvidence> Parse(const char* json) {
  StoredDocument document;
  document.json = json;
  return ParseStacks(document);
}

TEST(StoreEvidence, ADamagedDocumentIsNoEvidence) {
  for (const char* json : {"", "{", "null", "7", R"({"stacks":[7]})",
                           R"({"stacks":[{"frames":[7]}]})"}) {
    EXPECT_THAT(Parse(json), IsEmpty()) << json;
  }
}

// Found by the fuzzer: such a number was cast to int64_t, which is undefined.
TEST(StoreEvidence, ANumberThatIsNoIntegerCountsForNothing) {
  const auto rows = Parse(
      R"({"kind":"birth","stacks":[{"type":"t","surviving_objects":1e300,"allocations":7,)"
      R"("allocated_bytes":-1e300,"frames":[{"function":"f","line":1e300}]}]})");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].objects, 7);
  EXPECT_EQ(rows[0].bytes, 0);
  ASSERT_THAT(rows[0].frames, SizeIs(1));
  EXPECT_EQ(rows[0].frames[0].line, 0);
}

// A line with a fifth of the requests may have five of nine samples.
TEST(StoreEvidence, SharesOfFollowedBirthsHaveAnInterval) {
  const auto rows = Parse(
      R"({"kind":"birth","stacks":[)"
      R"({"type":"t","surviving_objects":400,"allocations":4,"frames":[]},)"
      R"({"type":"t","surviving_objects":500,"allocations":5,"frames":[]}]})");
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].samples, 5);
  EXPECT_NEAR(rows[0].share, 0.556, 1e-3);
  // Wilson, 5 of 9, computed independently.
  EXPECT_NEAR(rows[0].share_low, 0.2667, 1e-3);
  EXPECT_NEAR(rows[0].share_high, 0.8112, 1e-3);
}

// No later look can prove it: an agent that says so is not believed.
TEST(StoreEvidence, WhatAWindowSawMadeIsNeverCalledSurviving) {
  for (const char* survivors : {"3", "0", "null"}) {
    const auto rows =
        Parse((std::string(R"({"kind":"window","stacks":[{"type":"t",)") +
               R"("allocations":4,"frees":1,"allocated_bytes":64,)" +
               R"("surviving_objects":)" + survivors +
               R"(,"surviving_bytes":48,)" + R"("frames":[]}]})")
                  .c_str());
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].objects, 4);
    EXPECT_EQ(rows[0].bytes, 64);
    EXPECT_EQ(rows[0].note,
              "allocated here in the window; how much of it stayed is not "
              "known");
  }
}

TEST(StoreEvidence, AProfileWithoutRowsTellsWhy) {
  const auto rows = Parse(
      R"({"kind":"birth","stacks":[],"refusal":"births of t were not followed"})");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].kind, "birth");
  EXPECT_EQ(rows[0].refusal, "births of t were not followed");
  EXPECT_THAT(rows[0].frames, IsEmpty());
  EXPECT_THAT(Parse(R"({"kind":"birth","stacks":[],"refusal":""})"), IsEmpty());
}

TEST(StoreEvidence, WhatIsCountedHasNone) {
  const auto rows = Parse(R"({"kind":"window","stacks":[)"
                          R"({"type":"t","allocations":4,"frames":[]}]})");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].samples, 0);
  EXPECT_EQ(rows[0].share_low, 1);
  EXPECT_EQ(rows[0].share_high, 1);
}

}  // namespace
}  // namespace plimsoll::collector::store
