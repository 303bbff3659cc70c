#include "cli/report/byte_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

TEST(ByteSize, IsReadAsWritten) {
  EXPECT_EQ(*ParseByteSize("0"), 0);
  EXPECT_EQ(*ParseByteSize("64KiB"), 65536);
  EXPECT_EQ(*ParseByteSize("512MiB"), int64_t{512} << 20);
  EXPECT_EQ(*ParseByteSize("4GiB"), int64_t{4} << 30);
  EXPECT_EQ(*ParseByteSize("1024TiB"), int64_t{1} << 50);
}

TEST(ByteSize, WhatHasNoUnitIsRefused) {
  for (const char* text : {"", "4", "GiB", "-1GiB", "4GB", "4 GiB", "4GiBs",
                           "4.5GiB", "1025TiB", "99999999999999999999MiB"}) {
    const auto parsed = ParseByteSize(text);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
  }
  EXPECT_THAT(ParseByteSize("7").status().message(),
              ::testing::HasSubstr("write it like 512MiB"));
}

}  // namespace
}  // namespace plimsoll::cli
