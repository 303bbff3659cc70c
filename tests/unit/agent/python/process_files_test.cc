#include "agent/python/process_files.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::python {
namespace {

TEST(ParseMaps, FileAnonymousAndOddPaths) {
  const auto maps = ParseMaps(
      "00400000-0041f000 r-xp 00001000 fe:01 1234      /usr/bin/python3.11\n"
      "7f00-8000 rw-p 00000000 00:00 0 \n"
      "8000-9000 rw-s 00000000 00:00 0\n"
      "9000-a000 r--p 00000000 00:1f 77   /a b/libpython3.9.so (deleted)\n"
      "a000-b000 rw-p 00000000 00:00 0    [heap]\n");
  ASSERT_EQ(maps.size(), 5u);
  EXPECT_EQ(maps[0].start, 0x400000u);
  EXPECT_EQ(maps[0].file_offset, 0x1000u);
  EXPECT_EQ(maps[0].inode, 1234u);
  EXPECT_TRUE(maps[0].executable);
  EXPECT_FALSE(maps[0].writable);
  EXPECT_EQ(maps[0].path, "/usr/bin/python3.11");
  EXPECT_EQ(maps[1].path, "");
  EXPECT_TRUE(maps[2].shared);
  EXPECT_EQ(maps[3].path, "/a b/libpython3.9.so (deleted)");
  EXPECT_EQ(maps[4].path, "[heap]");
}

TEST(ParseMaps, BrokenLinesAreLeftOut) {
  EXPECT_TRUE(ParseMaps("").empty());
  EXPECT_TRUE(ParseMaps("\n\n").empty());
  for (const char* line :
       {"garbage", "1000", "1000-", "2000-1000 r-xp 0 0:0 0", "1000-2000",
        "1000-2000 r-xp", "1000-2000 r-xp x 00:00 0", "1000-2000 r-xp 0 00 0",
        "fffffffffffffffff-1 r-xp 0 00:00 0"}) {
    EXPECT_TRUE(ParseMaps(line).empty()) << line;
  }
}

}  // namespace
}  // namespace plimsoll::python
