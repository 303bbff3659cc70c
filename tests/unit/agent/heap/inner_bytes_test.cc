// The bytes object that a bytearray of 3.15 keeps, over made-up heaps: it is
// the bytearray's own, as items are a list's, and none of the program's.
#include "agent/heap/census.h"
#include "agent/heap/request_size.h"
#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

constexpr uint64_t kBytesFlag = uint64_t{1} << 27;
constexpr uint64_t kBuffers = HeapBuilder::kBase + (512 << 10);

class InnerBytesTest : public ::testing::Test {
 protected:
  InnerBytesTest() { SetMinor(15); }
  void SetMinor(int minor) { heap_.python().build.version = {3, minor, 1}; }

  uint64_t AddBytesType() {
    const uint64_t type = heap_.AddType("bytes", heap_.type(), kBytesFlag);
    heap_.Set<int64_t>(type + 32, 33);
    heap_.Set<int64_t>(type + 40, 1);
    return type;
  }
  void PutArray(uint32_t index, uint64_t inner, uint64_t alloc) {
    heap_.PutObject(arrays_, index, array_type_, 0);
    const uint64_t at = heap_.Block(arrays_, index);
    heap_.Set(at + 24, alloc);
    heap_.Set(at + 32, inner + 32);
    heap_.Set(at + 56, inner);
  }
  // A bytes object with `size` characters.
  void PutBytes(uint64_t at, uint64_t size) {
    heap_.Set<uint64_t>(at, 1);
    heap_.Set(at + 8, bytes_type_);
    heap_.Set(at + 16, size);
  }
  core::HeapCensus Census() {
    auto census =
        TakeCensus(heap_.memory(), heap_.mappings(), heap_.python(), {});
    EXPECT_TRUE(census.ok()) << census.status();
    return census.ok() ? *census : core::HeapCensus{};
  }
  static core::TypeCount Row(const core::HeapCensus& census,
                             const std::string& type) {
    for (const core::TypeCount& row : census.types) {
      if (row.type == type) return row;
    }
    return {};
  }

  HeapBuilder heap_{15};
  HeapBuilder::Pool arrays_ = heap_.AddPool(64, 8);
  HeapBuilder::Pool small_ = heap_.AddPool(64, 8);
  uint64_t array_type_ = heap_.AddType("bytearray", heap_.type());
  uint64_t bytes_type_ = AddBytesType();
};

TEST_F(InnerBytesTest, ASmallOneIsTheBytearraysOwnAndNoObject) {
  PutBytes(heap_.Block(small_, 0), 30);
  PutArray(0, heap_.Block(small_, 0), 30);
  PutBytes(heap_.Block(small_, 1), 25);  // the program's
  const core::HeapCensus census = Census();
  EXPECT_EQ(Row(census, "bytearray").objects, 1);
  EXPECT_EQ(Row(census, "bytearray").bytes, 64 + 64);
  EXPECT_EQ(Row(census, "bytes").objects, 1);
  EXPECT_EQ(Row(census, "bytes").bytes, 64);
  EXPECT_EQ(census.unknown_blocks, 7 + 6);
  EXPECT_EQ(census.implausible_claims, 0);
}

TEST_F(InnerBytesTest, WhereAllAreInBytearraysThereIsNoRowOfBytes) {
  for (uint32_t i = 0; i < 3; ++i) {
    PutBytes(heap_.Block(small_, i), 30);
    PutArray(i, heap_.Block(small_, i), 30);
  }
  const core::HeapCensus census = Census();
  EXPECT_EQ(Row(census, "bytearray").bytes, 3 * (64 + 64));
  EXPECT_EQ(Row(census, "bytes").objects, 0);
}

TEST_F(InnerBytesTest, ALargeOneIsMovedWhereItWasMetAsAnObject) {
  // A mapping of its own, which is met wherever it lies.
  heap_.Set<uint64_t>(kBuffers + 8, 8192 | kChunkMapped);
  PutBytes(kBuffers + 16, 5000);
  PutArray(0, kBuffers + 16, 5000);
  core::HeapCensus census = Census();
  EXPECT_EQ(Row(census, "bytearray").bytes, 64 + 8192);
  EXPECT_EQ(Row(census, "bytes").objects, 0);
  EXPECT_EQ(census.malloc.buffer_bytes, 0);
  EXPECT_EQ(census.malloc.object_bytes, 8192);
  // What nobody met is nobody's but the bytearray's: no object is taken away.
  const uint64_t other = kBuffers + (64 << 10);
  heap_.Set<uint64_t>(other + 8, 1056 | kChunkPreviousInUse);
  PutBytes(other + 16, 1000);
  PutArray(1, other + 16, 1000);
  PutBytes(heap_.Block(small_, 0), 30);
  census = Census();
  EXPECT_EQ(Row(census, "bytearray").bytes, 2 * 64 + 8192 + 1056);
  EXPECT_EQ(Row(census, "bytes").objects, 1);
  EXPECT_EQ(census.malloc.buffer_bytes, 1056);
}

TEST_F(InnerBytesTest, AnEmptyOneIsSharedByAll) {
  PutArray(0, heap_.Block(small_, 0), 0);
  PutBytes(heap_.Block(small_, 0), 0);
  const core::HeapCensus census = Census();
  EXPECT_EQ(Row(census, "bytearray").bytes, 64);
  EXPECT_EQ(Row(census, "bytes").objects, 1);
}

TEST_F(InnerBytesTest, Before315ABufferIsNoObject) {
  SetMinor(14);
  PutArray(0, heap_.Block(small_, 0) - 32, 60);
  PutBytes(heap_.Block(small_, 1), 25);
  const core::HeapCensus census = Census();
  EXPECT_EQ(Row(census, "bytearray").bytes, 64 + 64);
  EXPECT_EQ(Row(census, "bytes").objects, 1);
  EXPECT_EQ(census.unknown_blocks, 7 + 6);
}

TEST_F(InnerBytesTest, ClaimsOnOneObjectLeaveNothingNegative) {
  PutBytes(heap_.Block(small_, 0), 30);
  for (uint32_t i = 0; i < 8; ++i) PutArray(i, heap_.Block(small_, 0), 30);
  core::HeapCensus census = Census();
  EXPECT_EQ(Row(census, "bytes").objects, 0);
  EXPECT_EQ(census.unknown_blocks, 7);
  // A buffer that is not the object's, a size that cannot be, no address.
  const uint64_t first = heap_.Block(arrays_, 0);
  heap_.Set(first + 32, heap_.Block(small_, 2) + 32);
  heap_.Set(heap_.Block(arrays_, 1) + 24, ~uint64_t{0});
  PutArray(2, 8, 30);
  census = Census();
  EXPECT_EQ(Row(census, "bytearray").bytes, 8 * 64 + 5 * 64);
  EXPECT_EQ(census.implausible_claims, 2);
}

}  // namespace
}  // namespace plimsoll::heap
