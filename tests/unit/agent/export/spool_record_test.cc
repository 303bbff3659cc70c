#include "agent/export/spool_record.h"

#include <gtest/gtest.h>

#include <string>

#include "agent/export/crc32c.h"

namespace plimsoll::exporter {
namespace {

TEST(Crc32cTest, KnownValues) {
  // RFC 3720 B.4.
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), Crc32c("123456789"));
}

TEST(SpoolRecordTest, RoundTrip) {
  std::string bytes = EncodeRecord(77, "payload") + "next";
  auto record = DecodeRecord(bytes);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->seq, 77u);
  EXPECT_EQ(record->payload, "payload");
  EXPECT_EQ(record->size_bytes(), bytes.size() - 4);
}

TEST(SpoolRecordTest, EveryCutAndEveryFlippedBitIsSeen) {
  std::string bytes = EncodeRecord(uint64_t{1} << 40, "some payload");
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(DecodeRecord(bytes.substr(0, cut)).has_value()) << cut;
  }
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string bad = bytes;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(DecodeRecord(bad).has_value()) << "bit " << i;
  }
}

}  // namespace
}  // namespace plimsoll::exporter
