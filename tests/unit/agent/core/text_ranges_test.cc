#include "agent/core/text_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

using ::testing::ElementsAre;

Mapping Code(uint64_t start, uint64_t end) {
  Mapping m;
  m.start = start;
  m.end = end;
  m.inode = 1;
  m.executable = true;
  return m;
}

TEST(TextRanges, OnlyFilesWithCodeInOrder) {
  std::vector<Mapping> mappings = {Code(0x5000, 0x6000), Code(0x1000, 0x2000),
                                   Code(0x3000, 0x4000)};
  mappings[2].inode = 0;  // a vdso, or what a compiler made
  EXPECT_THAT(TextRanges(mappings, 8), ElementsAre(TextRange{0x1000, 0x2000},
                                                   TextRange{0x5000, 0x6000}));
  mappings[0].executable = false;
  EXPECT_THAT(TextRanges(mappings, 8), ElementsAre(TextRange{0x1000, 0x2000}));
}

TEST(TextRanges, WhereThereAreTooManyTheNearestAreOne) {
  const std::vector<Mapping> mappings = {
      Code(0x1000, 0x2000), Code(0x9000, 0xa000), Code(0xa000, 0xb000),
      Code(0xc000, 0xd000), Code(0xf000, 0x10000)};
  EXPECT_THAT(TextRanges(mappings, 3),
              ElementsAre(TextRange{0x1000, 0x2000}, TextRange{0x9000, 0xd000},
                          TextRange{0xf000, 0x10000}));
  EXPECT_THAT(TextRanges(mappings, 1), ElementsAre(TextRange{0x1000, 0x10000}));
  EXPECT_TRUE(TextRanges(mappings, 0).empty());
  EXPECT_EQ(TextRanges(mappings, 5).size(), 5U);
}

}  // namespace
}  // namespace plimsoll::core
