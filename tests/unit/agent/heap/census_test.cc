// The census over made-up heaps: what it counts, and that no bytes harm it.
#include "agent/heap/census.h"

#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

absl::StatusOr<core::HeapCensus> Census(HeapBuilder& heap,
                                        core::CensusOptions options = {}) {
  return TakeCensus(heap.memory(), heap.mappings(), heap.python(), options);
}

const core::TypeCount* Row(const core::HeapCensus& census,
                           const std::string& type) {
  for (const core::TypeCount& row : census.types) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

int64_t Objects(const core::HeapCensus& census, const std::string& type) {
  const core::TypeCount* row = Row(census, type);
  return row ? row->objects : 0;
}

class EachMinor : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Minors, EachMinor,
                         ::testing::Values(7, 9, 10, 11, 13));

TEST_P(EachMinor, CountsObjectsAtEveryOffsetAndNamesThem) {
  HeapBuilder heap(GetParam());
  const uint64_t cls = heap.AddClass(
      "routing.vehicles", heap.AddStr(std::string_view("Fleet.Vehicle")), 3);
  const auto pool = heap.AddPool(64);
  uint32_t index = 0;
  for (const uint32_t offset : heap.python().objects.object_offsets) {
    for (int i = 0; i < 5; ++i) heap.PutObject(pool, index++, cls, offset);
  }
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok()) << census.status();
  const auto* row = Row(*census, "routing.vehicles.Fleet.Vehicle");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->objects, index);
  EXPECT_EQ(row->bytes, index * 64);
  EXPECT_EQ(row->type_address, cls);
  EXPECT_EQ(census->unknown_blocks, pool.carved - index);
  EXPECT_EQ(census->unknown_bytes, (pool.carved - index) * 64);
  EXPECT_EQ(census->coverage.seen, pool.carved);
  EXPECT_EQ(census->coverage.total, pool.carved);
  EXPECT_EQ(census->arenas, 1);
  ASSERT_EQ(census->size_classes.size(), 1u);
  EXPECT_EQ(census->size_classes[0].block_bytes, 64);
  EXPECT_EQ(census->size_classes[0].blocks_live, pool.carved);
}

TEST_P(EachMinor, ModuleIsFoundInLargeAndMixedDicts) {
  HeapBuilder heap(GetParam());
  const auto pool = heap.AddPool(32);
  heap.PutObject(
      pool, 0, heap.AddClass("a", heap.AddStr(std::string_view("Large")), 200),
      0);
  heap.PutObject(
      pool, 1,
      heap.AddClass("b", heap.AddStr(std::string_view("Mixed")), 5, false), 0);
  heap.PutObject(
      pool, 2, heap.AddClass("builtins", heap.AddStr(std::string_view("Bare"))),
      0);
  // Past the bound of a dict's entries the module is not looked for.
  heap.PutObject(pool, 3,
                 heap.AddClass("c", heap.AddStr(std::string_view("Far")), 600),
                 0);
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok()) << census.status();
  for (const char* name : {"a.Large", "b.Mixed", "Bare", "Far"}) {
    EXPECT_EQ(Objects(*census, name), 1) << name;
  }
}

TEST_P(EachMinor, FreeBlocksAndObjectsOnFreeListsAreNotLive) {
  HeapBuilder heap(GetParam());
  const uint64_t tuple = heap.AddType("tuple", heap.type());
  const auto pool = heap.AddPool(48, 20);
  for (uint32_t i = 0; i < 20; ++i) heap.PutObject(pool, i, tuple, 0);
  heap.Free(pool, {3, 19, 0});
  heap.PutObject(pool, 5, tuple, 0, 0);  // reference count 0
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok()) << census.status();
  EXPECT_EQ(Objects(*census, "tuple"), 16);
  EXPECT_EQ(census->unknown_blocks, 1);
  EXPECT_EQ(census->coverage.total, 17);
  EXPECT_EQ(census->coverage.seen, 17);
}

TEST(CensusTest, NamesOfEveryKindOfCharacter) {
  HeapBuilder heap(12);
  const auto pool = heap.AddPool(32);
  using std::string_view, std::u16string_view, std::u32string_view;
  const uint64_t names[] = {
      heap.AddStr(string_view("V\xe9hicule")),  // Latin-1
      heap.AddStr(u16string_view(u"\u8eca")),
      heap.AddStr(u32string_view(U"x\U0001d54f")),
  };
  uint32_t index = 0;
  for (const uint64_t name : names) {
    heap.PutObject(pool, index++, heap.AddClass("m", name), 0);
  }
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok());
  EXPECT_EQ(Objects(*census, "m.V\u00e9hicule"), 1);
  EXPECT_EQ(Objects(*census, "m.\u8eca"), 1);
  EXPECT_EQ(Objects(*census, "m.x\U0001d54f"), 1);
}

TEST(CensusTest, StaticTypesAreNamedAsPythonDoes) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(32);
  heap.PutObject(pool, 0, heap.AddType("dict", heap.type()), 0);
  heap.PutObject(pool, 1, heap.AddType("collections.deque", heap.type()), 0);
  heap.PutObject(pool, 2, heap.AddType("builtins.odd", heap.type()), 0);
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok());
  for (const char* name : {"dict", "collections.deque", "odd"}) {
    EXPECT_EQ(Objects(*census, name), 1) << name;
  }
}

TEST(CensusTest, AMetaclassIsFollowedToType) {
  HeapBuilder heap(11);
  const uint64_t meta = heap.AddType("abc.ABCMeta", heap.type(), 1u << 31);
  const uint64_t not_meta = heap.AddType("plain", heap.type());
  const auto pool = heap.AddPool(32);
  heap.PutObject(pool, 0, heap.AddType("Good", meta), 0);
  // An instance of a type whose instances are not types is not a type.
  heap.PutObject(pool, 1, heap.AddType("Bad", not_meta), 0);
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok());
  EXPECT_EQ(Objects(*census, "Good"), 1);
  EXPECT_EQ(Objects(*census, "Bad"), 0);
}

TEST(CensusTest, TypesOfOneNameAreOneRow) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(32);
  const uint64_t first =
      heap.AddClass("m", heap.AddStr(std::string_view("Made")));
  const uint64_t second =
      heap.AddClass("m", heap.AddStr(std::string_view("Made")));
  heap.PutObject(pool, 0, first, 0);
  heap.PutObject(pool, 1, second, 0);
  heap.PutObject(pool, 2, second, 0);
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok());
  ASSERT_EQ(census->types.size(), 1u);
  EXPECT_EQ(census->types[0].objects, 3);
  EXPECT_EQ(census->types[0].type_address, second);
}

TEST(CensusTest, TypesPastTheBoundAreSummed) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(32);
  for (uint32_t i = 0; i < 10; ++i) {
    const uint64_t type = heap.AddType("t" + std::to_string(i), heap.type());
    for (uint32_t j = 0; j <= i; ++j) {
      heap.PutObject(pool, i * 10 + j, type, 0);
    }
  }
  const auto census = Census(heap, {.max_types = 4});
  ASSERT_TRUE(census.ok());
  ASSERT_EQ(census->types.size(), 4u);
  EXPECT_EQ(census->types[0].type, "t9");
  EXPECT_EQ(census->other_types, 6);
  EXPECT_EQ(census->other_objects, 1 + 2 + 3 + 4 + 5 + 6);
  EXPECT_EQ(census->other_bytes, 21 * 32);
}

TEST(CensusTest, WhatLooksLikeATypeAndIsNot) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(32);
  const auto bad = [&](auto change) {
    const uint64_t type = heap.AddType("bad", heap.type());
    change(type);
    static uint32_t index = 0;
    heap.PutObject(pool, index++, type, 0);
  };
  bad([&](uint64_t t) { heap.Set<uint64_t>(t, 0); });       // freed
  bad([&](uint64_t t) { heap.Set<uint64_t>(t + 8, t); });   // self-typed
  bad([&](uint64_t t) { heap.Set<uint64_t>(t + 24, 1); });  // no name
  bad([&](uint64_t t) { heap.Set<uint64_t>(t + 24, heap.AddCString("")); });
  bad([&](uint64_t t) {
    heap.Set<uint64_t>(t + 24, heap.AddCString("a\x1b[31mb"));
  });
  bad([&](uint64_t t) { heap.Set<uint64_t>(t + 168, 0); });  // not ready
  bad([&](uint64_t t) { heap.Set<int64_t>(t + 32, -1); });   // sizes
  bad([&](uint64_t t) { heap.Set<int64_t>(t + 40, 1 << 20); });
  // Two that are each other's type, and a chain that is too long.
  const uint64_t a = heap.AddType("a", 0, 1u << 31);
  const uint64_t b = heap.AddType("b", a, 1u << 31);
  heap.Set<uint64_t>(a + 8, b);
  heap.PutObject(pool, 20, a, 0);
  uint64_t meta = heap.type();
  for (int i = 0; i < 8; ++i) meta = heap.AddType("m", meta, 1u << 31);
  heap.PutObject(pool, 21, meta, 0);
  // One good one, so that the test can fail.
  heap.PutObject(pool, 22, heap.AddType("good", heap.type()), 0);
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok());
  ASSERT_EQ(census->types.size(), 1u);
  EXPECT_EQ(census->types[0].type, "good");
  EXPECT_EQ(census->types[0].objects, 1);
}

TEST(CensusTest, ANameWithoutEndIsCut) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(32);
  heap.PutObject(pool, 0, heap.AddType(std::string(5000, 'n'), heap.type()), 0);
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok());
  ASSERT_EQ(census->types.size(), 1u);
  EXPECT_EQ(census->types[0].type.size(), 256u);
}

TEST(CensusTest, FreeListsThatLoopOrLeaveAreSurvivedAndNotCovered) {
  for (int kind = 0; kind < 4; ++kind) {
    HeapBuilder heap(11);
    const uint64_t type = heap.AddType("t", heap.type());
    const auto pool = heap.AddPool(32, 100);
    for (uint32_t i = 0; i < 100; ++i) heap.PutObject(pool, i, type, 0);
    heap.Free(pool, {1, 2, 3});
    const uint64_t last = heap.Block(pool, 1);
    if (kind == 0) heap.Set(last, heap.Block(pool, 3));      // loop
    if (kind == 1) heap.Set(last, pool.address + 100000);    // outside
    if (kind == 2) heap.Set(last, heap.Block(pool, 7) + 8);  // off the grid
    if (kind == 3) heap.Set(last, heap.Block(pool, 9));      // too long
    const auto census = Census(heap);
    ASSERT_TRUE(census.ok()) << kind;
    EXPECT_EQ(census->coverage.total, 97) << kind;
    EXPECT_EQ(census->coverage.seen, 0) << kind;
    EXPECT_NEAR(Objects(*census, "t"), 97, 1) << kind;
  }
}

TEST(CensusTest, HeadersThatDisagreeAreNoPools) {
  const auto is_pool = [](auto change) {
    HeapBuilder heap(11);
    const auto pool = heap.AddPool(32, 100);
    change(heap, pool.address);
    return Census(heap).ok();
  };
  EXPECT_TRUE(is_pool([](auto&, uint64_t) {}));
  const auto set = [](uint32_t offset, uint32_t value) {
    return [=](HeapBuilder& heap, uint64_t pool) {
      heap.Set<uint32_t>(pool + offset, value);
    };
  };
  EXPECT_FALSE(is_pool(set(0, 101)));       // more than were carved
  EXPECT_FALSE(is_pool(set(36, 7)));        // another size class
  EXPECT_FALSE(is_pool(set(40, 47)));       // below the header
  EXPECT_FALSE(is_pool(set(40, 48 + 33)));  // off the grid
  EXPECT_FALSE(is_pool(set(40, 0xffffffff)));
  EXPECT_FALSE(is_pool(set(44, 16384)));
  EXPECT_FALSE(is_pool(set(44, 0)));
  EXPECT_FALSE(is_pool(set(32, 1 << 20)));  // arena
  EXPECT_FALSE(is_pool([](HeapBuilder& heap, uint64_t pool) {
    heap.Set<uint64_t>(pool + 8, pool + 16384);  // free block outside
  }));
}

TEST(CensusTest, EmptyPoolsAreFreePools) {
  HeapBuilder heap(9);
  heap.AddPool(32);
  const auto empty = heap.AddPool(64, 10);
  heap.Set<uint32_t>(empty.address, 0);
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok());
  EXPECT_EQ(census->pools_free, 1);
  EXPECT_EQ(census->size_classes.size(), 1u);
}

TEST(CensusTest, HeadersOnlyReadsHeadersOnly) {
  HeapBuilder heap(11);
  const auto pool = heap.AddPool(32, 100);
  heap.Free(pool, {1, 2});
  const auto census = Census(heap, {.headers_only = true});
  ASSERT_TRUE(census.ok());
  ASSERT_EQ(census->size_classes.size(), 1u);
  EXPECT_EQ(census->size_classes[0].blocks_live, 98);
  EXPECT_EQ(census->size_classes[0].blocks_free, 510 - 98);
  EXPECT_EQ(census->scanned_bytes, 48 * (HeapBuilder::kBytes / 16384));
}

TEST(CensusTest, AProcessThatDiesMidwayGivesWhatWasSeen) {
  HeapBuilder heap(11);
  const uint64_t type = heap.AddType("t", heap.type());
  for (int i = 0; i < 30; ++i) {
    heap.PutObject(heap.AddPool(64), 0, type, 0);
  }
  heap.memory().read_limit = HeapBuilder::kBytes / 2 + 1000;
  const auto census = Census(heap);
  ASSERT_TRUE(census.ok()) << census.status();
  EXPECT_GT(census->read_faults, 0);
  EXPECT_GT(Objects(*census, "t"), 0);
  EXPECT_LT(Objects(*census, "t"), 30);
  heap.memory().read_limit = 0;
  EXPECT_EQ(Census(heap).status().code(), absl::StatusCode::kNotFound);
}

TEST(CensusTest, AnUnfilledLayoutOrAHeapWithoutPoolsIsRefusedInWords) {
  HeapBuilder heap(11);
  EXPECT_EQ(Census(heap).status().code(), absl::StatusCode::kUnimplemented);
  heap.AddPool(32);
  EXPECT_TRUE(Census(heap).ok());
  heap.python().objects.pool_bytes = 0;
  EXPECT_EQ(Census(heap).status().code(), absl::StatusCode::kUnimplemented);
  heap.python().objects.pool_bytes = 16384;
  heap.python().objects.object_offsets = {0xfffffff8};
  EXPECT_EQ(Census(heap).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(CensusTest, RandomBytesAreSurvived) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20; ++round) {
    HeapBuilder heap(round % 2 ? 9 : 11);
    const uint64_t type = heap.AddType("t", heap.type());
    for (int i = 0; i < 40; ++i) {
      const auto pool = heap.AddPool(16 * (1 + random() % 32));
      for (uint32_t at = 48; at + 8 <= heap.python().objects.pool_bytes;
           at += 8) {
        // Words that point into the heap are the dangerous ones.
        const uint64_t word =
            random() % 3 == 0 ? type
            : random() % 2 ? HeapBuilder::kBase + random() % HeapBuilder::kBytes
                           : random();
        heap.Set<uint64_t>(pool.address + at, word);
      }
      heap.Set<uint64_t>(pool.address + 8, pool.address + 48 + random() % 1000);
    }
    const auto census = Census(heap);
    ASSERT_TRUE(census.ok());
    EXPECT_LE(census->coverage.seen, census->coverage.total);
  }
  std::vector<std::byte> noise(HeapBuilder::kBytes);
  HeapBuilder heap(11);
  for (std::byte& b : heap.memory().bytes())
    b = static_cast<std::byte>(random());
  const auto census = Census(heap);
  EXPECT_TRUE(census.ok() ||
              census.status().code() == absl::StatusCode::kUnimplemented);
}

TEST(PoolRangesTest, OnlyPrivateWritableAnonymousMemory) {
  const auto ranges = [](core::Mapping m) {
    m.start = 0x1000;
    m.end = 0x3000;
    return PoolRanges({m}).size();
  };
  const core::Mapping good{.readable = true, .writable = true, .path = ""};
  EXPECT_EQ(ranges(good), 1u);
  for (const auto& [path, count] : {std::pair{"[heap]", 1u},
                                    {"[anon:python]", 1u},
                                    {"[stack]", 0u},
                                    {"[vvar]", 0u},
                                    {"/usr/lib/x.so", 0u}}) {
    core::Mapping m = good;
    m.path = path;
    EXPECT_EQ(ranges(m), count) << path;
  }
  core::Mapping m = good;
  m.shared = true;
  EXPECT_EQ(ranges(m), 0u);
  m = good;
  m.inode = 7;
  EXPECT_EQ(ranges(m), 0u);
  m = good;
  m.writable = false;
  EXPECT_EQ(ranges(m), 0u);
}

}  // namespace
}  // namespace plimsoll::heap
