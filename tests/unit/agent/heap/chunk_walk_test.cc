// The walk over malloc's chunks, and the objects found in them, over made-up
// heaps; and that chunks which lie harm nothing.
#include "agent/heap/chunk_walk.h"

#include <random>
#include <string>

#include "agent/heap/census.h"
#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

constexpr uint64_t kHeap = HeapBuilder::kBase + (768 << 10);
constexpr uint64_t kHeapEnd = HeapBuilder::kBase + HeapBuilder::kBytes;

struct Seen final : ChunkVisitor {
  std::vector<Chunk> chunks;
  void VisitChunk(const Chunk& chunk, std::span<const std::byte>) override {
    chunks.push_back(chunk);
  }
};

// A heap of chunks in the last quarter of the builder's memory.
struct Chunks {
  explicit Chunks(int minor = 11) : heap(minor) {
    heap.python().build.version = {3, minor, 9};
  }
  HeapBuilder heap;
  uint64_t at = kHeap;
  uint64_t border = 0;  // of the two mappings that the heap is in; 0: of one
  bool last_in_use = true;

  // Returns the payload.
  uint64_t Add(uint64_t bytes, bool in_use = true) {
    heap.Set<uint64_t>(at + 8, bytes | (last_in_use ? 1 : 0));
    last_in_use = in_use;
    const uint64_t payload = at + 16;
    at += bytes;
    return payload;
  }
  void End() { Add(kHeapEnd - at); }
  // An int whose digit looks like the size word of a chunk that ends where
  // another begins, if those behind the int have 32 bytes each.
  uint64_t AddIntLikeAHead(uint64_t digit) {
    const uint64_t payload = Add(48);
    heap.Set<uint64_t>(payload, 1);
    heap.Set<uint64_t>(payload + 8, heap.type());
    heap.Set<uint64_t>(payload + 16, 1);
    heap.Set<uint64_t>(payload + 24, digit);
    return payload;
  }
  std::vector<core::Mapping> mappings() {
    auto all = heap.mappings();
    all.push_back(all[0]);
    all[0].end = kHeap;
    all[1].start = kHeap;
    all[1].path = "[heap]";
    if (border == 0) return all;
    all.push_back(all[1]);
    all[1].end = all[2].start = border;
    return all;
  }
  Seen Walk() {
    Seen seen;
    const RangeSet readable(PoolRanges(mappings()));
    ChunkWalk walk(heap.memory(), readable, seen);
    for (const auto& h : MallocHeaps(heap.memory(), mappings(), readable)) {
      walk.Walk(h);
    }
    lost = walk.lost_bytes();
    return seen;
  }
  core::HeapCensus Census() {
    auto census = TakeCensus(heap.memory(), mappings(), heap.python(), {});
    EXPECT_TRUE(census.ok()) << census.status();
    return census.ok() ? *census : core::HeapCensus{};
  }
  int64_t lost = 0;
};

const core::TypeCount* Row(const core::HeapCensus& census,
                           const std::string& type) {
  for (const core::TypeCount& row : census.types) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

TEST(ChunkWalkTest, EachChunkIsSeenOnceAndTheLastIsFree) {
  Chunks chunks;
  for (int i = 0; i < 100; ++i) chunks.Add(32 + 16 * (i % 50), i % 3 != 0);
  chunks.Add(100 << 10);  // more than a piece
  chunks.Add(64);
  chunks.End();
  const Seen seen = chunks.Walk();
  ASSERT_EQ(seen.chunks.size(), 103u);
  int64_t bytes = 0, in_use = 0;
  for (const Chunk& chunk : seen.chunks) {
    bytes += static_cast<int64_t>(chunk.bytes);
    in_use += chunk.in_use;
  }
  EXPECT_EQ(bytes, kHeapEnd - kHeap);
  EXPECT_EQ(in_use, 66 + 2);
  EXPECT_FALSE(seen.chunks.back().in_use);
  EXPECT_EQ(chunks.lost, 0);
}

TEST(ChunkWalkTest, GoesOnBehindAHeadThatMakesNoSense) {
  Chunks chunks;
  for (int i = 0; i < 20; ++i) chunks.Add(64);
  const uint64_t broken = chunks.Add(64);
  for (int i = 0; i < 20; ++i) chunks.Add(96);
  chunks.End();
  chunks.heap.Set<uint64_t>(broken - 8, 0xdeadbeef);
  const Seen seen = chunks.Walk();
  EXPECT_EQ(seen.chunks.size(), 41u);
  EXPECT_EQ(chunks.lost, 64);
}

// A worker of uWSGI under PYTHONMALLOC=malloc was said to have 55 of 3,063
// ints. The kernel does not join what a forked process adds to its heap with
// what it has from its parent: two mappings, and a chunk across their border.
// Read as two heaps, the second one began inside of that chunk, and a number in
// there was believed to be the head of a chunk that swallowed those behind it.
TEST(ChunkWalkTest, AHeapThatGrewBehindAForkIsOne) {
  Chunks chunks;
  for (int i = 0; i < 254; ++i) chunks.Add(32);
  chunks.border = chunks.AddIntLikeAHead(50'000);
  for (int i = 0; i < 7000; ++i) chunks.Add(32);
  chunks.End();
  EXPECT_EQ(chunks.Walk().chunks.size(), 254u + 1 + 7000 + 1);
  EXPECT_EQ(chunks.lost, 0);
}

TEST(ChunkWalkTest, ANumberThatLooksLikeAHeadDoesNotSwallowChunks) {
  for (const uint64_t number : {50'000, 50'001, 100'017}) {
    Chunks chunks;
    for (int i = 0; i < 20; ++i) chunks.Add(32);
    const uint64_t broken = chunks.AddIntLikeAHead(number);
    for (int i = 0; i < 7000; ++i) chunks.Add(32);
    chunks.End();
    EXPECT_EQ(chunks.Walk().chunks.size(), 7022u);
    EXPECT_EQ(chunks.lost, 0);
    chunks.heap.Set<uint64_t>(broken - 8, 0xdeadbeef);
    EXPECT_EQ(chunks.Walk().chunks.size(), 7021u) << number;
    EXPECT_EQ(chunks.lost, 48) << number;
  }
}

// Of Pythons at a fixed address: None, as a size, is that of ten megabytes.
TEST(ChunkWalkTest, ATableOfPointersThatLookLikeHeadsDoesNotSwallowChunks) {
  Chunks chunks;
  const uint64_t broken = chunks.Add(80 << 10);  // more than a piece
  for (int i = 0; i < 5000; ++i) chunks.Add(32);
  chunks.End();
  for (uint64_t at = broken; at < broken + (79 << 10); at += 8) {
    chunks.heap.Set<uint64_t>(at, 100'032);
  }
  EXPECT_EQ(chunks.Walk().chunks.size(), 5002u);
  chunks.heap.Set<uint64_t>(broken - 8, 0xdeadbeef);
  EXPECT_EQ(chunks.Walk().chunks.size(), 5001u);
  EXPECT_EQ(chunks.lost, 80 << 10);
}

TEST(ChunkWalkTest, ALargeChunkBehindAHeadThatMakesNoSenseIsFound) {
  Chunks chunks;
  for (int i = 0; i < 20; ++i) chunks.Add(64);
  const uint64_t broken = chunks.Add(64);
  chunks.Add(100 << 10);
  for (int i = 0; i < 20; ++i) chunks.Add(96);
  chunks.End();
  chunks.heap.Set<uint64_t>(broken - 8, 0xdeadbeef);
  EXPECT_EQ(chunks.Walk().chunks.size(), 42u);
  EXPECT_EQ(chunks.lost, 64);
}

TEST(ChunkWalkTest, AThreadsHeapIsFoundByItsHead) {
  Chunks chunks;
  auto& heap = chunks.heap;
  const uint64_t base = HeapBuilder::kBase;
  heap.Set<uint64_t>(base, base + 0x30);
  heap.Set<uint64_t>(base + 16, 8192);
  heap.Set<uint64_t>(base + 24, 8192);
  const RangeSet readable(PoolRanges(heap.mappings()));
  const auto heaps = MallocHeaps(heap.memory(), heap.mappings(), readable);
  ASSERT_EQ(heaps.size(), 1u);
  EXPECT_EQ(heaps[0], (AddressRange{base, base + 8192}));
  for (const uint64_t arena : {base + 24, base + 0x1000, base + (64 << 20)}) {
    heap.Set<uint64_t>(base, arena);
    EXPECT_TRUE(MallocHeaps(heap.memory(), heap.mappings(), readable).empty());
  }
}

TEST(ChunkWalkTest, ObjectsInChunksAreCountedWhenTheirSizeFits) {
  Chunks chunks;
  auto& heap = chunks.heap;
  const auto pool = heap.AddPool(64);
  const uint64_t bytes = heap.AddType("bytes", heap.type());
  heap.Set<int64_t>(bytes + 32, 33);
  heap.Set<int64_t>(bytes + 40, 1);
  heap.PutObject(pool, 0, bytes, 0);
  const auto put = [&](uint64_t chunk, uint64_t size) {
    const uint64_t at = chunks.Add(chunk);
    heap.Set<uint64_t>(at, 1);
    heap.Set<uint64_t>(at + 8, bytes);
    heap.Set<uint64_t>(at + 16, size);
  };
  put(1040, 998);
  put(1040, 999);
  put(1040, 1 << 20);            // larger than its chunk: no object
  put(4096, 700);                // much smaller: a buffer
  put(1040, uint64_t{1} << 63);  // no count
  put(256, 200);                 // small ones are in pools
  chunks.Add(1040, false);       // free
  chunks.End();
  const auto census = chunks.Census();
  ASSERT_NE(Row(census, "bytes"), nullptr);
  EXPECT_EQ(Row(census, "bytes")->objects, 1 + 2);
  EXPECT_EQ(Row(census, "bytes")->bytes, 64 + 2 * 1040);
  EXPECT_EQ(census.malloc.objects, 2);
  EXPECT_EQ(census.malloc.object_bytes, 2 * 1040);
  EXPECT_EQ(census.malloc.live_bytes, 4 * 1040 + 4096 + 256);
  EXPECT_EQ(census.malloc.live_bytes + census.malloc.free_bytes,
            static_cast<int64_t>(kHeapEnd - kHeap));
  EXPECT_EQ(census.coverage.method, "all pools, chunks of malloc");
}

TEST(ChunkWalkTest, AChunkWithAMappingOfItsOwnIsNotRead) {
  Chunks chunks;
  auto& heap = chunks.heap;
  heap.AddPool(64);
  const uint64_t bytes = heap.AddType("bytes", heap.type());
  heap.Set<int64_t>(bytes + 32, 33);
  heap.Set<int64_t>(bytes + 40, 1);
  const uint64_t at = HeapBuilder::kBase + (512 << 10) + 4096;
  const auto map = [&](uint64_t size) {
    heap.Set<uint64_t>(at + 8, size | kChunkMapped);
    heap.Set<uint64_t>(at + 16, 2);
    heap.Set<uint64_t>(at + 24, bytes);
    heap.Set<uint64_t>(at + 32, size - 100);
  };
  map(200 << 10);
  // Inside of it: what would be a pool is not one.
  auto hidden = heap.AddPool(64);
  hidden.address = at + 3 * 16384 - at % 16384;
  heap.Set<uint32_t>(hidden.address, 5);
  heap.Set<uint32_t>(hidden.address + 36, 3);
  heap.Set<uint32_t>(hidden.address + 40, 48 + 5 * 64);
  heap.Set<uint32_t>(hidden.address + 44, 16384 - 64);
  auto census = chunks.Census();
  ASSERT_NE(Row(census, "bytes"), nullptr);
  EXPECT_EQ(Row(census, "bytes")->bytes, 200 << 10);
  EXPECT_EQ(census.malloc.live_bytes, 200 << 10);
  EXPECT_EQ(census.size_classes[0].pools, 2);
  // One that would go on behind the mapping is none.
  map(2 << 20);
  census = chunks.Census();
  EXPECT_EQ(Row(census, "bytes"), nullptr);
  EXPECT_EQ(census.size_classes[0].pools, 3);
}

TEST(ChunkWalkTest, WithoutPoolsObjectsOfAllSizesAreInChunks) {
  Chunks chunks;
  auto& heap = chunks.heap;
  heap.python().allocator = "malloc";
  const uint64_t plain = heap.AddType("plain", heap.type());
  for (int i = 0; i < 50; ++i) {
    const uint64_t at = chunks.Add(64);
    heap.Set<uint64_t>(at + 16, 1);
    heap.Set<uint64_t>(at + 24, plain);
  }
  chunks.End();
  const auto census = chunks.Census();
  ASSERT_NE(Row(census, "plain"), nullptr);
  EXPECT_EQ(Row(census, "plain")->objects, 50);
  EXPECT_EQ(Row(census, "plain")->bytes, 50 * 64);
  EXPECT_EQ(census.coverage.seen, 50);
  EXPECT_EQ(census.unknown_blocks, 0);
}

// Each broken chain costs a piece that is read: 64 KiB for 200 bytes of heap.
TEST(ChunkWalkTest, ChainsThatBreakAllTheTimeAreGivenUp) {
  constexpr uint64_t kBase = 0x500000000000, kBytes = 4 << 20;
  std::vector<std::byte> bytes(kBytes);
  for (uint64_t at = 0; at + 16 <= kBytes; at += 32) {
    const uint64_t word = at / 32 % 8 == 7 ? 77 : 33;
    std::memcpy(bytes.data() + at + 8, &word, sizeof(word));
  }
  const testing::BufferMemory memory(kBase, std::move(bytes));
  const RangeSet readable({{kBase, kBase + kBytes}});
  Seen seen;
  ChunkWalk walk(memory, readable, seen);
  walk.Walk({kBase, kBase + kBytes});
  EXPECT_LE(walk.read_bytes(), (ChunkWalk::kMostBreaks * 4 / 3 + 100) *
                                   int64_t{ChunkWalk::kPieceBytes});
  EXPECT_GT(walk.lost_bytes(), int64_t{kBytes / 2});
  EXPECT_LE(seen.chunks.size(), ChunkWalk::kMostBreaks * 11u);
}

TEST(ChunkWalkTest, RandomWordsAreSurvived) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 50; ++round) {
    Chunks chunks;
    const uint64_t type = chunks.heap.AddType("t", chunks.heap.type());
    chunks.heap.AddPool(64);
    for (uint64_t at = kHeap; at < kHeapEnd; at += 8) {
      const uint64_t word = random() % 3 == 0   ? type
                            : random() % 2 == 0 ? random() % 4096
                                                : random();
      chunks.heap.Set<uint64_t>(at, word);
    }
    const auto census = chunks.Census();
    EXPECT_LE(census.malloc.live_bytes + census.malloc.free_bytes,
              static_cast<int64_t>(kHeapEnd - kHeap));
  }
}

}  // namespace
}  // namespace plimsoll::heap
