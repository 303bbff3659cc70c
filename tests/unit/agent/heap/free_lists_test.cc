// What types keep in free lists for the next object, over made-up heaps: not
// alive, nor is what else their blocks hold.
#include <cstring>
#include <vector>

#include "agent/heap/census.h"
#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

int64_t Objects(HeapBuilder& heap, const std::string& type) {
  const auto census =
      TakeCensus(heap.memory(), heap.mappings(), heap.python(), {});
  EXPECT_TRUE(census.ok()) << census.status();
  if (!census.ok()) return -1;
  for (const core::TypeCount& row : census->types) {
    if (row.type == type) return row.objects;
  }
  return 0;
}

// builtin_function_or_method: GC head, {count of references, type},
// {PyMethodDef, self}. In a program at a fixed address the PyMethodDef's is so
// low that it looks like a count of references, before a class that is the
// self.
class DeadMethodTest : public ::testing::Test {
 protected:
  void PutMethod(uint32_t index, uint64_t count) {
    heap_.PutObject(methods_, index, method_, 16, count);
    heap_.PutObject(methods_, index, dict_, 32, 0xb59060);
  }
  void SetMinor(int minor) { heap_.python().build.version = {3, minor, 1}; }

  HeapBuilder heap_{13};
  HeapBuilder::Pool methods_ = heap_.AddPool(80, 8);
  HeapBuilder::Pool dicts_ = heap_.AddPool(64, 4);
  uint64_t method_ = heap_.AddType("builtin_function_or_method", heap_.type());
  uint64_t dict_ = heap_.AddType("dict", heap_.type());
};

// It is met before any method that is alive.
TEST_F(DeadMethodTest, OfAClassMetBeforeAnyMethodIsNoInstanceOfTheClass) {
  SetMinor(13);
  PutMethod(0, 0);
  heap_.PutObject(dicts_, 0, dict_, 16);
  EXPECT_EQ(Objects(heap_, "dict"), 1);
  EXPECT_EQ(Objects(heap_, "builtin_function_or_method"), 0);
}

TEST_F(DeadMethodTest, From314TheNextOneStandsForTheCount) {
  PutMethod(0, heap_.Block(methods_, 1) + 16);
  heap_.PutObject(dicts_, 0, dict_, 16);
  SetMinor(14);
  EXPECT_EQ(Objects(heap_, "dict"), 1);
}

// Ints have a free list from 3.14: {next, type}, {8, digit}. The key of a class
// among the subclasses of its base is its address, which fits one digit where
// the brk heap is low.
TEST_F(DeadMethodTest, NorIsADeadIntThatWasTheAddressOfAClass) {
  SetMinor(14);
  const auto ints = heap_.AddPool(32, 4);
  const uint64_t type = heap_.AddType("int", heap_.type());
  for (uint32_t i = 0; i < 2; ++i) {
    heap_.PutObject(ints, i, type, 0, i == 0 ? 0 : heap_.Block(ints, 0));
    heap_.PutObject(ints, i, dict_, 16, 8);
  }
  EXPECT_EQ(Objects(heap_, "dict"), 0);
  EXPECT_EQ(Objects(heap_, "int"), 0);
}

TEST_F(DeadMethodTest, WhatIsBeforeAnInstanceHidesItNot) {
  SetMinor(14);
  // Attributes' dict, weak references; then the collector's head.
  heap_.PutObject(methods_, 0, dict_, 32);
  heap_.Set(heap_.Block(methods_, 0) + 16, heap_.Block(methods_, 1) + 16);
  heap_.Set(heap_.Block(methods_, 0) + 24, heap_.Block(methods_, 2) + 16);
  EXPECT_EQ(Objects(heap_, "dict"), 1);
}

// PYTHONMALLOC=malloc in a program at a fixed address: a brk heap below 2^40.
TEST(LowHeapTest, ALinkToTheNextOfAFreeListIsNoCountOfReferences) {
  constexpr uint64_t kBase = 0xdd00000, kHeap = kBase + (64 << 10);
  constexpr uint64_t kEnd = kBase + (128 << 10);
  constexpr uint64_t kType = kBase + 0x100, kFloat = kBase + 0x400;
  constexpr uint64_t kNames = kBase + 0x800;
  constexpr uint64_t kChunk = 32;
  testing::BufferMemory memory(kBase, std::vector<std::byte>(kEnd - kBase));
  const auto set = [&memory](uint64_t address, uint64_t value) {
    std::memcpy(memory.bytes().data() + (address - kBase), &value,
                sizeof(value));
  };
  const auto add_type = [&](uint64_t at, uint64_t flags, const char* name) {
    set(at, 1);
    set(at + 8, kType);
    set(at + 24, at + kNames - kBase);
    set(at + 32, 24);
    set(at + 168, flags | 1 << 12);  // ready
    std::memcpy(memory.bytes().data() + (at + kNames - 2 * kBase), name,
                std::strlen(name) + 1);
  };
  add_type(kType, uint64_t{1} << 31, "type");
  add_type(kFloat, 0, "float");
  const auto payload = [](uint64_t n) { return kHeap + n * kChunk + 16; };
  constexpr uint64_t kChunks = 20;
  for (uint64_t i = 0; i < kChunks; ++i) {
    set(payload(i) - 8, kChunk | 1);
    set(payload(i) + 8, kFloat);
    // Half are alive; the others wait, each with the one before.
    set(payload(i), i % 2 == 0 ? 1 + i : i == 1 ? 0 : payload(i - 2));
  }
  // A count of references that is an address by chance, of something else.
  set(payload(0), kFloat);
  set(payload(kChunks) - 8, (kEnd - payload(kChunks) + 16) | 1);
  core::PythonProcess python;
  python.pid = 1;
  python.build.version = {3, 14, 1};
  python.allocator = "malloc";
  python.type_type_address = kType;
  python.objects.pool_bytes = 16384;
  python.objects.arena_bytes = 1 << 20;
  python.objects.object_offsets = {0, 16, 32};
  std::vector<core::Mapping> mappings(2);
  mappings[0] = {.start = kBase,
                 .end = kHeap,
                 .readable = true,
                 .writable = true,
                 .path = ""};
  mappings[1] = mappings[0];
  mappings[1].start = kHeap;
  mappings[1].end = kEnd;
  mappings[1].path = "[heap]";
  const auto census = TakeCensus(memory, mappings, python, {});
  ASSERT_TRUE(census.ok()) << census.status();
  ASSERT_EQ(census->types.size(), 1u);
  EXPECT_EQ(census->types[0].type, "float");
  EXPECT_EQ(census->types[0].objects, static_cast<int64_t>(kChunks / 2));
}

}  // namespace
}  // namespace plimsoll::heap
