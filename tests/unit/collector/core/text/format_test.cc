#include "collector/core/text/format.h"

#include <gtest/gtest.h>

#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

TEST(Format, ReadsWell) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(59), "59 B") << "no byte is divided";
  EXPECT_EQ(FormatBytes(-0.2), "0 B");
  EXPECT_EQ(FormatBytes(250 * 1024), "250 KiB");
  EXPECT_EQ(FormatBytes(1.6 * kMiB), "1.6 MiB");
  EXPECT_EQ(FormatBytes(-3.2 * kMiB), "-3.2 MiB");
  EXPECT_EQ(FormatCount(65000), "65,000");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
  EXPECT_EQ(FormatCount(3.14), "3.1");
  EXPECT_EQ(FormatShare(0.994), "99.4 %");
  EXPECT_EQ(FormatShare(1), "100 %");
  EXPECT_EQ(FormatDuration(90), "90 s");
  EXPECT_EQ(FormatDuration(3 * 3600), "3.0 h");
  EXPECT_EQ(FormatTimeToLimit({43 * 60, 52 * 60}), "43-52 min");
  EXPECT_EQ(FormatTimeToLimit({600, 604}), "about 10 min");
  EXPECT_EQ(FormatTimeToLimit({43 * 60}), "43 min or later");
  EXPECT_EQ(FormatRateWithInterval(
                {2 * kMiB / 60, -0.5 * kMiB / 60, 4.5 * kMiB / 60}, ""),
            "2.0 MiB/min (95 % CI -0.50-4.5)");
}

}  // namespace
}  // namespace plimsoll::collector
