#include "collector/core/ingest/gunzip.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "tests/support/gzip_body.h"

namespace plimsoll::collector {
namespace {

using testing::Zip;

TEST(Gunzip, GivesBackWhatWasZipped) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919);
  const std::string zipped = Zip(text);
  EXPECT_TRUE(LooksGzipped(zipped));
  EXPECT_FALSE(LooksGzipped(text));
  EXPECT_EQ(Gunzip(zipped, text.size()).value(), text);
  EXPECT_EQ(Gunzip(Zip(""), 0).value(), "");
  EXPECT_EQ(Gunzip(Zip("two ") + Zip("members"), 100).value(), "two members");
}

TEST(Gunzip, WhatUnfoldsToMoreIsRefused) {
  const std::string bomb = Zip(std::string(64 << 20, '\0'));
  ASSERT_LT(bomb.size(), 100'000u);
  EXPECT_TRUE(absl::IsResourceExhausted(Gunzip(bomb, 4 << 20).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(Gunzip(Zip("five!"), 4).status()));
  // In many members too.
  std::string members;
  for (int i = 0; i < 100; ++i) members += Zip(std::string(100'000, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(Gunzip(members, 4 << 20).status()));
}

TEST(Gunzip, WhatIsNoGzipIsRefused) {
  const std::string zipped = Zip("a body of a service's metrics");
  for (size_t cut = 0; cut < zipped.size(); ++cut) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(Gunzip(zipped.substr(0, cut), 100).status()))
        << cut;
  }
  std::string changed = zipped;
  changed[changed.size() - 8] ^= 1;  // of its checksum
  for (const std::string& bad : {std::string("plain"), changed, zipped + "x",
                                 Zip("zlib's own head", MAX_WBITS)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Gunzip(bad, 100).status())) << bad;
  }
}

}  // namespace
}  // namespace plimsoll::collector
