#include "agent/python/elf_relocation.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "tests/support/elf_builder.h"

namespace plimsoll::python {
namespace {

using ::plimsoll::testing::ElfBuilder;

TEST(ElfRelocation, TheSlotOfAFunctionIsFoundByItsWholeName) {
  ElfBuilder elf;
  elf.Export("free", ElfBuilder::kCode, true);  // its own, with no slot
  elf.Import("__libc_malloc", ElfBuilder::kData);
  elf.Import("malloc_usable_size", ElfBuilder::kData + 24);
  elf.Import("malloc", ElfBuilder::kData + 8);
  elf.Import("calloc", ElfBuilder::kData + 32, R_X86_64_64);
  const auto parsed =
      ElfFile::Parse(std::make_shared<BufferByteSource>(elf.Build()));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(SlotOf(*parsed, "malloc"), ElfBuilder::kData + 8);
  EXPECT_EQ(SlotOf(*parsed, "free"), std::nullopt);
  EXPECT_EQ(SlotOf(*parsed, "mallo"), std::nullopt);
  EXPECT_EQ(SlotOf(*parsed, "calloc"), std::nullopt);
}

}  // namespace
}  // namespace plimsoll::python
