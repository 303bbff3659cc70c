#include "agent/core/fresh_pages.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

TEST(FreshPagesTest, OnlyTheFirstTouchOfAPageThatWasNotThereIsGrowth) {
  FreshPages pages;
  pages.Reset({{0x1000, 0x3000}, {0x8000, 0x9000}});
  EXPECT_FALSE(pages.Touch(0x1000));
  EXPECT_FALSE(pages.Touch(0x2fff));
  EXPECT_FALSE(pages.Touch(0x8010));
  EXPECT_TRUE(pages.Touch(0x0));
  EXPECT_TRUE(pages.Touch(0x3000));
  EXPECT_FALSE(pages.Touch(0x3ff8)) << "the same page";
  EXPECT_TRUE(pages.Touch(0x9000));
  EXPECT_EQ(pages.bytes(), 6 * 4096);
}

TEST(FreshPagesTest, AListOfThisMomentReplacesWhatWasKnown) {
  FreshPages pages;
  pages.Reset({{0x1000, 0x2000}});
  EXPECT_TRUE(pages.Touch(0x5000));
  pages.Reset({{0x5000, 0x6000}});
  EXPECT_FALSE(pages.Touch(0x5000));
  EXPECT_TRUE(pages.Touch(0x1000)) << "it was given back meanwhile";
}

}  // namespace
}  // namespace plimsoll::core
