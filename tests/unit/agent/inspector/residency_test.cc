#include "agent/inspector/resident_pages.h"
#include "agent/inspector/start_ticks.h"
#include "gtest/gtest.h"

namespace plimsoll::inspector {
namespace {

// 'p' present, 's' swapped, '.' neither; pages from 0x100000 on.
Residency Of(std::string_view pages, uint32_t pool_bytes,
             uint64_t start = 0x100000) {
  ResidentRanges ranges(pool_bytes);
  ranges.BeginRange({start, start + pages.size() * kPageBytes});
  for (size_t i = 0; i < pages.size(); ++i) {
    const uint64_t at = start + i * kPageBytes;
    if (pages[i] != '.')
      ranges.AddPages({at, at + kPageBytes}, pages[i] == 's');
  }
  return ranges.Take();
}

using Ranges = std::vector<heap::AddressRange>;

TEST(ResidentRangesTest, PoolsAreKeptWhole) {
  EXPECT_EQ(Of("p...", 16384).ranges, (Ranges{{0x100000, 0x104000}}));
  EXPECT_EQ(Of("..p.....", 16384).ranges, (Ranges{{0x100000, 0x104000}}));
  EXPECT_EQ(Of("p...p...", 16384).ranges, (Ranges{{0x100000, 0x108000}}));
  EXPECT_EQ(Of("p.......p...", 16384).ranges,
            (Ranges{{0x100000, 0x104000}, {0x108000, 0x10c000}}));
  EXPECT_EQ(Of("p.p", 4096).ranges,
            (Ranges{{0x100000, 0x101000}, {0x102000, 0x103000}}));
  EXPECT_TRUE(Of("....", 16384).ranges.empty());
}

TEST(ResidentRangesTest, SwappedPagesAreNotTouched) {
  const auto swapped = Of("ppsp", 16384);
  EXPECT_EQ(swapped.ranges,
            (Ranges{{0x100000, 0x102000}, {0x103000, 0x104000}}));
  EXPECT_EQ(swapped.swapped_pages, 1);
  EXPECT_EQ(Of("sp..", 16384).ranges, (Ranges{{0x101000, 0x104000}}));
  EXPECT_TRUE(Of("ssss", 16384).ranges.empty());
}

TEST(ResidentRangesTest, PagesSideBySideAreAsGoodAsOneByOne) {
  ResidentRanges ranges(16384);
  ranges.BeginRange({0x100000, 0x200000});
  ranges.AddPages({0x101000, 0x106000}, false);
  ranges.AddPages({0x106000, 0x107000}, true);
  ranges.AddPages({0x110000, 0x111000}, false);
  const Residency result = ranges.Take();
  EXPECT_EQ(result.ranges,
            (Ranges{{0x100000, 0x106000}, {0x110000, 0x114000}}));
  EXPECT_EQ(result.swapped_pages, 1);
}

TEST(ResidentRangesTest, NothingOutsideTheRangeIsTouched) {
  // The range begins and ends inside a pool.
  EXPECT_EQ(Of("pp", 16384, 0x101000).ranges, (Ranges{{0x101000, 0x103000}}));
}

TEST(StartTicksTest, TheNameMayHoldAnything) {
  const std::string rest =
      " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987654 20 21";
  EXPECT_EQ(ParseStartTicks("7 (python)" + rest), 987654u);
  EXPECT_EQ(ParseStartTicks("7 (a) b (c) \n)" + rest), 987654u);
  EXPECT_EQ(ParseStartTicks("7 (python) S 1 2"), std::nullopt);
  EXPECT_EQ(ParseStartTicks(""), std::nullopt);
}

}  // namespace
}  // namespace plimsoll::inspector
