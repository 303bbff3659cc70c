// Stack profiles as the database holds them, read back as evidence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/store/store_impl.h"

namespace plimsoll::collector::store {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<StackEvidence> Parse(const char* json) {
  StoredDocument document;
  document.json = json;
  return ParseStacks(document);
}

TEST(StoreEvidence, ADamagedDocumentIsNoEvidence) {
  for (const char* json : {"", "{", "null", "7", R"({"stacks":[7]})",
                           R"({"stacks":[{"frames":[7]}]})"}) {
    EXPECT_THAT(Parse(json), IsEmpty()) << json;
  }
}

// Found by the fuzzer: such a number was cast to int64_t, which is undefined.
TEST(StoreEvidence, ANumberThatIsNoIntegerCountsForNothing) {
  const auto rows = Parse(
      R"({"stacks":[{"type":"t","surviving_objects":1e300,"allocations":7,)"
      R"("allocated_bytes":-1e300,"frames":[{"function":"f","line":1e300}]}]})");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].objects, 7);
  EXPECT_EQ(rows[0].bytes, 0);
  ASSERT_THAT(rows[0].frames, SizeIs(1));
  EXPECT_EQ(rows[0].frames[0].line, 0);
}

}  // namespace
}  // namespace plimsoll::collector::store
