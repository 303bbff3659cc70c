#include "collector/core/types/type_screen.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace plimsoll::collector {
namespace {

constexpr int64_t kHour = 3600'000'000'000;

TEST(TypeScreen, TellsWhatEachTypeThatRoseHasGained) {
  TypeScreen screen;
  EXPECT_TRUE(screen.Add(kHour, {{"dict", 100}, {"str", 50}}).empty());
  const BytesByType expected = {{"dict", 30}};
  EXPECT_EQ(screen.Add(2 * kHour, {{"dict", 130}, {"str", 40}}), expected);
  EXPECT_EQ(screen.types(), 2U);
}

TEST(TypeScreen, ATypeThatCameLaterCountsFromZero) {
  TypeScreen screen;
  screen.Add(kHour, {{"dict", 100}});
  const BytesByType expected = {{"app.Order", 7}};
  EXPECT_EQ(screen.Add(2 * kHour, {{"dict", 100}, {"app.Order", 7}}), expected);
}

TEST(TypeScreen, WhatFilledLongAgoIsForgotten) {
  TypeScreen screen;
  screen.Add(0, {{"dict", 100}});
  for (int h = 1; h < 12; ++h) {
    EXPECT_EQ(screen.Add(h * kHour, {{"dict", 500}}).size(), 1U) << h;
  }
  screen.Add(12 * kHour, {{"dict", 500}});
  EXPECT_TRUE(screen.Add(13 * kHour, {{"dict", 500}}).empty());
}

TEST(TypeScreen, ASlowRiseIsStillOneHalfADayLater) {
  TypeScreen screen;
  for (int h = 0; h < 40; ++h) {
    const BytesByType gains = screen.Add(h * kHour, {{"dict", 100 + h}});
    if (h == 0) continue;
    ASSERT_EQ(gains.size(), 1U) << h;
    EXPECT_GE(gains[0].second, std::min(h, 6)) << h;
  }
}

TEST(TypeScreen, NoCensusIsNoFall) {
  TypeScreen screen;
  screen.Add(0, {{"dict", 100}});
  EXPECT_TRUE(screen.Add(kHour, {}).empty());
  const BytesByType expected = {{"dict", 1}};
  EXPECT_EQ(screen.Add(2 * kHour, {{"dict", 101}}), expected);
}

}  // namespace
}  // namespace plimsoll::collector
