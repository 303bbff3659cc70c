#include "agent/python/function_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace plimsoll::python {
namespace {

constexpr uint64_t kAddress = 0x5000;  // where the section is linked

template <typename T>
std::string Bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string WithLength(const std::string& body) {
  return Bytes(static_cast<uint32_t>(body.size())) + body;
}

// What gcc writes: version 1, "zR", pointers pcrel | sdata4.
std::string Cie(uint8_t encoding = 0x1b) {
  std::string body = Bytes(uint32_t{0}) + std::string("\x01zR\0", 4) +
                     std::string("\x01\x78\x10\x01", 4);
  body.push_back(static_cast<char>(encoding));
  return WithLength(body + std::string(7, '\0'));
}

// `at` is where the record begins in the section, its CIE at 0.
std::string Fde(uint32_t at, uint64_t begin, uint32_t size) {
  const uint32_t id_at = at + 4;
  const auto relative = static_cast<int32_t>(begin - (kAddress + id_at + 4));
  return WithLength(Bytes(id_at) + Bytes(relative) + Bytes(size) +
                    std::string(4, '\0'));
}

TEST(FunctionTable, ReadsWhatGccWrites) {
  std::string section = Cie();
  section += Fde(section.size(), 0x2040, 0x30);
  section += Fde(section.size(), 0x1000, 0x40);
  section += Bytes(uint32_t{0});
  const auto table = FunctionTable::Parse(section, kAddress);
  ASSERT_EQ(table.all().size(), 2u);
  EXPECT_EQ(table.Find(0x1000), (FunctionBounds{0x1000, 0x1040}));
  EXPECT_EQ(table.Find(0x103f), (FunctionBounds{0x1000, 0x1040}));
  EXPECT_EQ(table.Find(0x1040), std::nullopt);
  EXPECT_EQ(table.Find(0xfff), std::nullopt);
  EXPECT_EQ(table.Find(0x2041), (FunctionBounds{0x2040, 0x2070}));
}

TEST(FunctionTable, AbsolutePointers) {
  std::string section = Cie(0x00);
  const auto id_at = static_cast<uint32_t>(section.size() + 4);
  section += WithLength(Bytes(id_at) + Bytes(uint64_t{0x401000}) +
                        Bytes(uint64_t{16}) + std::string(4, '\0'));
  const auto table = FunctionTable::Parse(section, kAddress);
  ASSERT_EQ(table.all().size(), 1u);
  EXPECT_EQ(table.all()[0], (FunctionBounds{0x401000, 0x401010}));
}

TEST(FunctionTable, LeavesOutWhatItCannotRead) {
  std::string data_relative = Cie(0x3b);  // as .eh_frame_hdr has it
  data_relative += Fde(data_relative.size(), 0x1000, 0x40);
  EXPECT_TRUE(FunctionTable::Parse(data_relative, kAddress).all().empty());

  std::string no_such_cie = Cie();
  no_such_cie += WithLength(Bytes(uint32_t{12}) + Bytes(int32_t{-64}) +
                            Bytes(uint32_t{16}));
  EXPECT_TRUE(FunctionTable::Parse(no_such_cie, kAddress).all().empty());
}

TEST(FunctionTable, CutShortAnywhere) {
  std::string section = Cie();
  section += Fde(section.size(), 0x1000, 0x40);
  section += Fde(section.size(), 0x2000, 0x40);
  for (size_t n = 0; n < section.size(); ++n) {
    EXPECT_LT(FunctionTable::Parse(section.substr(0, n), kAddress).all().size(),
              2u);
  }
  EXPECT_EQ(FunctionTable::Parse(section, kAddress).all().size(), 2u);
}

}  // namespace
}  // namespace plimsoll::python
