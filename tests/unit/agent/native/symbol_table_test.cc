#include "agent/native/symbol_table.h"

#include <gtest/gtest.h>

namespace plimsoll::native {
namespace {

TEST(SymbolTableTest, ANameHoldsOnlyWhereItsSizeCovers) {
  const SymbolTable table({{0x200, 0x10, "second"}, {0x100, 0x20, "first"}});
  EXPECT_EQ(table.NameOf(0xff), "");
  EXPECT_EQ(table.NameOf(0x100), "first");
  EXPECT_EQ(table.NameOf(0x11f), "first");
  EXPECT_EQ(table.NameOf(0x120), "near first");
  EXPECT_EQ(table.NameOf(0x20f), "second");
  EXPECT_EQ(table.NameOf(~uint64_t{0}), "near second");
  EXPECT_EQ(SymbolTable().NameOf(0x100), "");
}

TEST(SymbolTableTest, OfAliasesThePlainestOneThatHasASize) {
  const SymbolTable table({{0x100, 8, "__libc_malloc"},
                           {0x100, 8, "malloc"},
                           {0x100, 0, "m"},
                           {0x200, 8, "_ZN2ns1fEi"}});
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.NameOf(0x104), "malloc");
  EXPECT_EQ(table.NameOf(0x204), "ns::f(int)");
}

TEST(SymbolTableTest, NamesOfForeignFilesAreBounded) {
  EXPECT_EQ(Demangle("malloc@@GLIBC_2.2.5"), "malloc");
  EXPECT_EQ(Demangle("_Znot mangled"), "_Znot mangled");
  EXPECT_LE(Demangle(std::string(100'000, 'a')).size(), kMostNameBytes);
  EXPECT_LE(Demangle("_Z" + std::string(100'000, 'P')).size(), kMostNameBytes);
}

}  // namespace
}  // namespace plimsoll::native
