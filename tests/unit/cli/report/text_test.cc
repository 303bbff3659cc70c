#include "cli/report/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace plimsoll::cli {
namespace {

TEST(FormatBytes, UsesIecUnitsAndThreeDigits) {
  const struct {
    int64_t bytes;
    const char* text;
  } cases[] = {
      {0, "0 B"},
      {1023, "1023 B"},
      {1024, "1.00 KiB"},
      {13002342, "12.4 MiB"},
      {1048576 - 1, "1.00 MiB"},
      {157286400, "150 MiB"},
      {-1536, "-1.50 KiB"},
      {std::numeric_limits<int64_t>::max(), "8.00 EiB"},
  };
  for (const auto& c : cases) EXPECT_EQ(FormatBytes(c.bytes), c.text);
  EXPECT_EQ(FormatBytesChange(2048), "+2.00 KiB");
  EXPECT_EQ(FormatBytesChange(0), "0 B");
}

TEST(FormatCount, GroupsThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(2412985), "2,412,985");
  EXPECT_EQ(FormatCount(-1000), "-1,000");
  EXPECT_EQ(FormatCount(std::numeric_limits<int64_t>::min()),
            "-9,223,372,036,854,775,808");
  EXPECT_EQ(FormatCountChange(65000), "+65,000");
}

TEST(FormatShare, NeverRoundsUpToAll) {
  EXPECT_EQ(FormatShare(1), "100 %");
  EXPECT_EQ(FormatShare(0.99999), "99.99 %");
  EXPECT_EQ(FormatShare(0), "0 %");
  EXPECT_EQ(FormatShare(0.5), "50 %");
  EXPECT_EQ(FormatShare(0.505), "50.50 %");
}

TEST(FormatRate, KeepsSmallRatesVisible) {
  EXPECT_EQ(FormatRate(65000.4), "+65,000/s");
  EXPECT_EQ(FormatRate(0.25), "+0.25/s");
  EXPECT_EQ(FormatRate(-1.5), "-1.50/s");
  EXPECT_EQ(FormatRate(0.0001), "0/s");
}

TEST(DisplayWidth, KnowsWideAndCombiningCharacters) {
  EXPECT_EQ(DisplayWidth("Order"), 5);
  EXPECT_EQ(DisplayWidth("注文"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2);
}

TEST(Elide, KeepsBothEndsWithinTheWidth) {
  EXPECT_EQ(Elide("short", 10), "short");
  EXPECT_EQ(Elide("routing.vehicles.FloatingVehicle", 11), "routi…hicle");
  for (int width = 0; width < 40; ++width) {
    EXPECT_LE(DisplayWidth(Elide("注文.モデル.品目の一覧表示クラス", width)),
              width);
    EXPECT_LE(DisplayWidth(Elide("a\xff\xfe\xfd\xfcxyz.module.Class", width)),
              width);
  }
}

TEST(Harmless, LeavesNothingThatSteersTheTerminal) {
  EXPECT_EQ(Harmless("a\x1b[31mb"), "a?[31mb");
  EXPECT_EQ(Harmless("a\nb\tc\x7f"), "a?b?c?");
  EXPECT_EQ(Harmless("\xc2\x9b"
                     "31m"),
            "?31m");  // C1 CSI
  EXPECT_EQ(Harmless("x\u202ey"), "x?y");
  EXPECT_EQ(Harmless("注文.Ordér"), "注文.Ordér");
}

TEST(Wrap, BreaksAtBlanks) {
  EXPECT_EQ(Wrap("one two three", 7, 2), "one two\n  three");
  EXPECT_EQ(Wrap("one two three", 0, 2), "one two three");
  EXPECT_EQ(Wrap("averylongword b", 5, 0), "averylongword\nb");
}

}  // namespace
}  // namespace plimsoll::cli
