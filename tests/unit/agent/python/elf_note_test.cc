#include "agent/python/elf_note.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::python {
namespace {

using Kind = UsdtArgument::Kind;

TEST(UsdtArgument, RegisterWithSign) {
  const auto a = ParseFirstUsdtArgument("-8@%r12");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->kind, Kind::kRegister);
  EXPECT_EQ(a->bytes, -8);
  EXPECT_EQ(a->register_index, 11);
}

TEST(UsdtArgument, NarrowNamesAreTheSameRegister) {
  EXPECT_EQ(ParseFirstUsdtArgument("-4@%edi")->register_index, 0);
  EXPECT_EQ(ParseFirstUsdtArgument("1@%dl")->register_index, 2);
  EXPECT_EQ(ParseFirstUsdtArgument("2@%r9w 8@%rax")->register_index, 5);
  EXPECT_EQ(ParseFirstUsdtArgument("4@%ebp")->register_index, 8);
}

TEST(UsdtArgument, MemoryByBaseAndDisplacement) {
  const auto a = ParseFirstUsdtArgument("-4@112(%rsp)");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->kind, Kind::kMemory);
  EXPECT_EQ(a->bytes, -4);
  EXPECT_EQ(a->register_index, 15);
  EXPECT_EQ(a->displacement, 112);
  EXPECT_EQ(ParseFirstUsdtArgument("8@(%rax)")->displacement, 0);
  EXPECT_EQ(ParseFirstUsdtArgument("8@-16(%rbp) 4@%esi")->displacement, -16);
}

TEST(UsdtArgument, Constant) {
  const auto a = ParseFirstUsdtArgument("-4@$2");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->kind, Kind::kConstant);
  EXPECT_EQ(a->constant, 2);
}

TEST(UsdtArgument, FormsThatWeDoNotReadAreRefused) {
  for (const char* text :
       {"", "8", "8@", "@%rdi", "3@%rdi", "8@%zmm0", "8@8(%rax,%rbx,4)",
        "8@global(%rip)", "8@8(%eax)", "8@99999999999(%rsp)", "8@(", "8@()",
        "8@(%)", "8@$x", "x@%rdi"}) {
    EXPECT_FALSE(ParseFirstUsdtArgument(text)) << text;
  }
}

TEST(VisitNotes, StopsAtTheFirstThatDoesNotFit) {
  int seen = 0;
  const auto count = [&seen](std::string_view, uint32_t, std::string_view) {
    ++seen;
  };
  VisitNotes(std::string("\x04\0\0\0\xff\xff\xff\xff\x03\0\0\0GNU\0", 16),
             count);
  VisitNotes(std::string("\xff\xff\xff\xff\0\0\0\0\x03\0\0\0", 12), count);
  VisitNotes("short", count);
  EXPECT_EQ(seen, 0);
}

}  // namespace
}  // namespace plimsoll::python
