#include "collector/core/history/request_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::collector {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kSecond = 1'000'000'000;

TEST(RequestCounts, NamesAreAllValuesAndPairsOfThem) {
  EXPECT_THAT(
      NamesOf("a=1,b=2,c=3"),
      ElementsAre("", "a=1", "b=2", "c=3", "a=1,b=2", "a=1,c=3", "b=2,c=3"));
  EXPECT_THAT(NamesOf(""), ElementsAre(""));
  EXPECT_THAT(SplitLabel("a=1,5,b=2"), ElementsAre("a=1,5", "b=2"));
  EXPECT_EQ(KeysOf("city=oslo,outcome=ok"), "city,outcome");
  EXPECT_TRUE(IsParent("", "a=1"));
  EXPECT_TRUE(IsParent("b=2", "a=1,b=2"));
  EXPECT_FALSE(IsParent("a=1,b=2", "a=1"));
}

TEST(RequestCounts, LinearBetweenLooksAndFlatOutside) {
  const CountCurve curve({{10, 4}, {20, 8}}, {10, 20});
  EXPECT_EQ(curve.At(0), 4);
  EXPECT_EQ(curve.At(15), 6);
  EXPECT_EQ(curve.At(30), 8);
}

TEST(RequestCounts, ACountThatFallsBeganAnew) {
  const CountCurve curve({{10, 4}, {20, 8}, {30, 3}}, {10, 20, 30});
  EXPECT_EQ(curve.At(30) - curve.At(20), 3);
  EXPECT_EQ(curve.At(30) - curve.At(10), 7);
}

// The first request of its kind in an hour is no slow rise over that hour.
TEST(RequestCounts, ALabelThatAppearsBeganAfterTheLookBefore) {
  const CountCurve curve({{40, 2}}, {10, 20, 30, 40});
  EXPECT_EQ(curve.At(30), 0);
  EXPECT_EQ(curve.At(35), 1);
  EXPECT_EQ(curve.At(40), 2);
}

TEST(RequestCounts, RatesOverWhatWasLookedAt) {
  RequestSeries requests;
  requests["city=oslo,outcome=ok"] = {{0, 0}, {120 * kSecond, 120}};
  requests["city=rome,outcome=ok"] = {{0, 0}, {120 * kSecond, 12}};
  EXPECT_EQ(RequestRate(requests, "city=oslo", 0, 600 * kSecond), 1);
  EXPECT_EQ(RequestRate(requests, "outcome=ok", 0, 600 * kSecond), 1.1);
  EXPECT_EQ(RequestRate(requests, "", 0, 30 * kSecond), std::nullopt);
  EXPECT_EQ(RequestRate({}, "", 0, 600 * kSecond), std::nullopt);
}

TEST(LooksOf, AreThoseOfAllLabelSetsOnceAndInOrder) {
  const RequestSeries requests = {{"city=a", {{10, 1}, {30, 2}}},
                                  {"city=b", {{30, 1}}},
                                  {"city=c", {{5, 1}, {10, 1}, {20, 1}}},
                                  {"city=d", {}}};
  EXPECT_EQ(LooksOf(requests), (std::vector<int64_t>{5, 10, 20, 30}));
  EXPECT_TRUE(LooksOf({}).empty());
}

}  // namespace
}  // namespace plimsoll::collector
