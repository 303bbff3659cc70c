#include "agent/heap/gc_list.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/heap_builder.h"

namespace plimsoll::heap {
namespace {

using testing::HeapBuilder;

// Debian 13's 3.13.5 declares PyGC_Head aligned to 4 bytes: the heads of its
// lists stand at 20, 44 and 68 in the collector's state. Their lists were not
// followed, and large objects not seen where malloc is not glibc's.
TEST(GcListTest, HeadsThatAreAlignedToFourBytesAreFollowed) {
  HeapBuilder heap(13);
  const uint64_t page = (heap.Allocate(3 * 4096) + 4095) / 4096 * 4096;
  const uint64_t node = page + 1024;
  // In the middle of a page, and with a word in two pages.
  for (const uint64_t head : {page + 20, page + 4092}) {
    heap.Set<uint64_t>(head, node);
    heap.Set<uint64_t>(node, head);
    GcNodeReader nodes(heap.memory());
    std::vector<uint64_t> seen;
    EXPECT_TRUE(ForEachGcNode(nodes, head, 10,
                              [&](uint64_t at) { seen.push_back(at); }));
    EXPECT_EQ(seen, std::vector<uint64_t>{node});
  }
}

TEST(GcListTest, ARingThatDoesNotLeadBackIsNotComplete) {
  HeapBuilder heap(13);
  const uint64_t at = heap.Allocate(64);
  heap.Set<uint64_t>(at, at + 16);
  heap.Set<uint64_t>(at + 16, at + 32);
  heap.Set<uint64_t>(at + 32, at + 16);
  GcNodeReader nodes(heap.memory());
  int visits = 0;
  EXPECT_FALSE(ForEachGcNode(nodes, at, 10, [&](uint64_t) { ++visits; }));
  EXPECT_EQ(visits, 11);
  // No node is at an odd address.
  EXPECT_FALSE(ForEachGcNode(nodes, at + 1, 10, [](uint64_t) {}));
}

}  // namespace
}  // namespace plimsoll::heap
