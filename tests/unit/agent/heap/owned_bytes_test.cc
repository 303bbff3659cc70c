// What objects own outside their block, over made-up heaps.
#include "agent/heap/owned_bytes.h"

#include "agent/heap/census.h"
#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

constexpr uint64_t kListFlag = uint64_t{1} << 25;
constexpr uint64_t kDictFlag = uint64_t{1} << 29;
constexpr uint64_t kBuffers = HeapBuilder::kBase + (200 << 10);

core::HeapCensus Census(HeapBuilder& heap) {
  auto census = TakeCensus(heap.memory(), heap.mappings(), heap.python(), {});
  EXPECT_TRUE(census.ok()) << census.status();
  return census.ok() ? *census : core::HeapCensus{};
}

int64_t Bytes(const core::HeapCensus& census, const std::string& type) {
  for (const core::TypeCount& row : census.types) {
    if (row.type == type) return row.bytes;
  }
  return -1;
}

struct Lists {
  HeapBuilder heap{11};
  HeapBuilder::Pool pool = heap.AddPool(64);
  uint64_t type = heap.AddType("list", heap.type(), kListFlag);
  uint64_t Add(uint32_t index, uint64_t items, uint64_t allocated) {
    heap.PutObject(pool, index, type, 16);
    heap.Set(heap.Block(pool, index) + 16 + 24, items);
    heap.Set(heap.Block(pool, index) + 16 + 32, allocated);
    return heap.Block(pool, index) + 16;
  }
};

TEST(OwnedBytesTest, SmallItemsAreRoundedToABlockAndAreNotUnknown) {
  Lists lists;
  const auto items = lists.heap.AddPool(48);
  lists.Add(0, lists.heap.Block(items, 0), 5);
  lists.Add(1, 0, 0);
  const auto census = Census(lists.heap);
  EXPECT_EQ(Bytes(census, "list"), 2 * 64 + 48);
  EXPECT_EQ(census.unknown_blocks, lists.pool.carved - 2 + items.carved - 1);
  EXPECT_EQ(census.unknown_bytes,
            (lists.pool.carved - 2) * 64 + (items.carved - 1) * 48);
  EXPECT_EQ(census.implausible_claims, 0);
}

TEST(OwnedBytesTest, LargeItemsAreWhatTheirChunkSays) {
  Lists lists;
  lists.heap.Set<uint64_t>(kBuffers - 8, 1024 | kChunkPreviousInUse);
  lists.Add(0, kBuffers, 125);  // 1000 bytes
  // Another malloc's word: by the rule.
  lists.heap.Set<uint64_t>(kBuffers + 4096 - 8, 77);
  lists.Add(1, kBuffers + 4096, 125);
  const auto census = Census(lists.heap);
  EXPECT_EQ(Bytes(census, "list"), 2 * 64 + 1024 + 1008);
  EXPECT_EQ(census.unknown_blocks, lists.pool.carved - 2);
}

TEST(OwnedBytesTest, ClaimsThatCannotBeAreImplausibleAndOwnNothing) {
  Lists lists;
  lists.Add(0, kBuffers, uint64_t{1} << 60);
  lists.Add(1, kBuffers, HeapBuilder::kBytes);  // past the mapping
  lists.Add(2, 8, 3);
  lists.Add(3, ~uint64_t{0} - 7, 1000);
  const auto census = Census(lists.heap);
  EXPECT_EQ(Bytes(census, "list"), 4 * 64);
  EXPECT_EQ(census.implausible_claims, 4);
}

TEST(OwnedBytesTest, ManyListsThatClaimOneBufferLeaveNothingNegative) {
  Lists lists;
  const auto items = lists.heap.AddPool(512, 1);
  for (uint32_t i = 0; i < lists.pool.carved; ++i) {
    lists.Add(i, lists.heap.Block(items, 0), 64);
  }
  const auto census = Census(lists.heap);
  EXPECT_EQ(census.unknown_blocks, 0);
  EXPECT_EQ(census.unknown_bytes, 0);
  EXPECT_GT(census.implausible_claims, 0);
}

class EachKeysLayout : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Minors, EachKeysLayout,
                         ::testing::Values(7, 10, 11, 13));

TEST_P(EachKeysLayout, KeysOfADictAreTheBlockThatTheyLieIn) {
  HeapBuilder heap(GetParam());
  const uint32_t gc = heap.python().objects.gc_head_bytes;
  heap.python().build.version = {3, GetParam(), 16};
  // The keys' pools lie before and behind the dicts'.
  const auto before = heap.AddPool(208);
  const auto dicts = heap.AddPool(80);
  const auto behind = heap.AddPool(400);
  const uint64_t type = heap.AddType("dict", heap.type(), kDictFlag);
  const uint64_t keys[] = {heap.Block(before, 2), heap.Block(behind, 1), 4096};
  for (uint32_t i = 0; i < 3; ++i) {
    heap.PutObject(dicts, i, type, gc);
    heap.Set(heap.Block(dicts, i) + gc + 32, keys[i]);
  }
  // A shared table: the values are the dict's own up to 3.12, not the keys.
  const auto values = heap.AddPool(48);
  heap.PutObject(dicts, 3, type, gc);
  heap.Set(heap.Block(dicts, 3) + gc + 32, heap.Block(before, 2));
  heap.Set(heap.Block(dicts, 3) + gc + 40, heap.Block(values, 0));
  const auto census = Census(heap);
  EXPECT_EQ(Bytes(census, "dict"),
            4 * 80 + 208 + 400 + (GetParam() <= 12 ? 48 : 0));
  EXPECT_EQ(census.implausible_claims, 0);
}

TEST_P(EachKeysLayout, LargeKeysAreCountedByWhatTheySay) {
  HeapBuilder heap(GetParam());
  const bool log2 = GetParam() >= 11;
  const uint32_t gc = heap.python().objects.gc_head_bytes;
  const auto dicts = heap.AddPool(80);
  const uint64_t type = heap.AddType("dict", heap.type(), kDictFlag);
  heap.PutObject(dicts, 0, type, gc);
  heap.Set(heap.Block(dicts, 0) + gc + 32, kBuffers);
  uint64_t request = 0;
  if (log2) {
    heap.Set<uint8_t>(kBuffers + 8, 7);   // 128 slots
    heap.Set<uint8_t>(kBuffers + 9, 7);   // 128 bytes of indices
    heap.Set<uint8_t>(kBuffers + 10, 1);  // entries of 16 bytes
    request = 32 + 128 + 85 * 16;
  } else {
    heap.Set<uint64_t>(kBuffers + 8, 128);
    request = 40 + 128 + 85 * 24;
  }
  EXPECT_EQ(Bytes(Census(heap), "dict"),
            80 + static_cast<int64_t>(ChunkBytesFor(request)));
  // The chunk's own word is exact where it can be.
  const uint64_t chunk = ChunkBytesFor(request) + 16;
  heap.Set<uint64_t>(kBuffers - 8, chunk | kChunkPreviousInUse);
  EXPECT_EQ(Bytes(Census(heap), "dict"), 80 + static_cast<int64_t>(chunk));
  // A table of 2^50 slots is none.
  if (log2) {
    heap.Set<uint8_t>(kBuffers + 8, 50);
  } else {
    heap.Set<uint64_t>(kBuffers + 8, uint64_t{1} << 50);
  }
  EXPECT_EQ(Bytes(Census(heap), "dict"), 80);
}

TEST(OwnedBytesTest, SetsInheritTheirRuleAndTheInnerTableIsFree) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(256);
  const uint64_t set = heap.AddType("set", heap.type());
  const uint64_t bag = heap.AddType("Bag", heap.type(), 1 << 9);
  heap.Set(bag + 256, set);                                        // tp_base
  const uint64_t fake = heap.AddType("set", heap.type(), 1 << 9);  // a class
  const auto add = [&](uint32_t index, uint64_t type, uint64_t table,
                       uint64_t mask) {
    heap.PutObject(pool, index, type, 16);
    const uint64_t object = heap.Block(pool, index) + 16;
    heap.Set(object + 32, mask);
    heap.Set(object + 40, table == 0 ? object + 64 : table);
  };
  heap.Set<uint64_t>(kBuffers - 8, 32 * 16 + 16 + 1);
  add(0, set, 0, 7);
  add(1, bag, kBuffers, 32);  // no power of two
  add(2, bag, kBuffers, 63);
  add(3, fake, kBuffers, 63);
  const auto census = Census(heap);
  EXPECT_EQ(Bytes(census, "Bag"), 2 * 256 + 64 * 16 + 16);
  EXPECT_EQ(Bytes(census, "set"), 2 * 256);
  EXPECT_EQ(census.implausible_claims, 1);
}

TEST(OwnedBytesTest, BasesInALoopEnd) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(64);
  const uint64_t a = heap.AddType("A", heap.type(), 1 << 9);
  const uint64_t b = heap.AddType("B", heap.type(), 1 << 9);
  heap.Set(a + 256, b);
  heap.Set(b + 256, a);
  heap.PutObject(pool, 0, a, 0);
  EXPECT_EQ(Bytes(Census(heap), "A"), 64);
}

TEST(OwnedBytesTest, ValuesStandBeforeAnInstanceOf311And312) {
  for (const int minor : {11, 12, 13}) {
    HeapBuilder heap(minor);
    heap.python().build.version = {3, minor, 1};
    const auto pool = heap.AddPool(64);
    const auto values = heap.AddPool(80);
    const uint64_t type = heap.AddType("P", heap.type(), 1 << 9 | 1 << 4);
    heap.PutObject(pool, 0, type, 32);
    // Inside of its block: names' order stands before the values.
    const uint64_t at = heap.Block(values, 0) + 16;
    if (minor == 11) heap.Set(heap.Block(pool, 0), at);
    if (minor >= 12) heap.Set(heap.Block(pool, 0) + 8, at - 1);
    EXPECT_EQ(Bytes(Census(heap), "P"), 64 + (minor == 13 ? 0 : 80)) << minor;
  }
}

TEST(RequestSizeTest, ChunksAreBelievedWhenTheyFit) {
  EXPECT_EQ(ChunkBytesFor(0), 32u);
  EXPECT_EQ(ChunkBytesFor(24), 32u);
  EXPECT_EQ(ChunkBytesFor(25), 48u);
  EXPECT_EQ(ChunkThatHolds(1024 | 1, 1000), 1024u);
  EXPECT_EQ(ChunkThatHolds(1024 | 5, 1016), 1024u);
  EXPECT_EQ(ChunkThatHolds(1024 | 1, 1017), std::nullopt);
  EXPECT_EQ(ChunkThatHolds(1024 | 1, 900), std::nullopt);
  EXPECT_EQ(ChunkThatHolds(1024 | 9, 1000), std::nullopt);
  EXPECT_EQ(ChunkThatHolds(8192 | 2, 4100), 8192u);
  EXPECT_EQ(ChunkThatHolds(8208 | 2, 4100), std::nullopt);
}

}  // namespace
}  // namespace plimsoll::heap
