#include "agent/export/stack_id.h"

#include <gtest/gtest.h>

#include <set>

namespace plimsoll::exporter {
namespace {

core::Stack StackOf(std::string function, std::string file, int line) {
  core::Stack stack;
  stack.frames.push_back({std::move(function), std::move(file), line, "m"});
  return stack;
}

TEST(StackIdTest, DependsOnEveryPartOfTheContent) {
  std::set<std::string> ids;
  core::Stack base = StackOf("ab", "c", 1);
  ids.insert(StackId(base));
  ids.insert(StackId(StackOf("a", "bc", 1)));
  ids.insert(StackId(StackOf("ab", "c", 2)));
  core::Stack deeper = base;
  deeper.frames.push_back(base.frames[0]);
  ids.insert(StackId(deeper));
  core::Stack native = base;
  native.frames[0].native = true;
  ids.insert(StackId(native));
  core::Stack cut = base;
  cut.truncated = true;
  ids.insert(StackId(cut));
  EXPECT_EQ(ids.size(), 6u);
  EXPECT_EQ(StackId(base), StackId(StackOf("ab", "c", 1)));
  EXPECT_EQ(StackId(base).size(), 16u);
}

// It is in stored data: a change of the hash would split every stack in two.
TEST(StackIdTest, StaysTheSame) {
  std::string id = StackId(core::Stack{});
  std::string hex;
  for (unsigned char c : id) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[c >> 4];
    hex += kDigits[c & 15];
  }
  // FNV-1a-128 of four zero bytes, from the offset basis of its definition.
  unsigned __int128 hash = 0x6c62272e07bb0142;
  hash = (hash << 64) | 0x62b821756295c58d;
  unsigned __int128 prime = (static_cast<unsigned __int128>(1) << 88) | 0x13b;
  for (int i = 0; i < 4; ++i) hash *= prime;
  std::string expected;
  for (int shift = 124; shift >= 0; shift -= 4) {
    expected += "0123456789abcdef"[static_cast<int>((hash >> shift) & 15)];
  }
  EXPECT_EQ(hex, expected);
}

}  // namespace
}  // namespace plimsoll::exporter
