#include "agent/python/remote_values.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

namespace plimsoll::python {
namespace {

constexpr uint64_t kBase = 0x10000;

class BufferMemory final : public core::MemorySource {
 public:
  explicit BufferMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  size_t Read(uint64_t address, std::span<std::byte> out) const override {
    if (address < kBase || address - kBase >= bytes_.size()) return 0;
    const size_t n = std::min(out.size(), bytes_.size() - (address - kBase));
    std::memcpy(out.data(), bytes_.data() + (address - kBase), n);
    return n;
  }

 private:
  std::string bytes_;
};

// A compact str object of 3.12 (data at 40 or 56) or before (48 or 72).
std::string StrObject(uint64_t length, uint32_t kind, bool ascii,
                      const std::string& data, size_t ascii_data) {
  std::string object(
      ascii ? ascii_data : ascii_data + (ascii_data == 48 ? 24 : 16), '\0');
  const uint32_t state = kind << 2 | 1u << 5 | (ascii ? 1u << 6 : 0);
  std::memcpy(object.data() + 16, &length, sizeof(length));
  std::memcpy(object.data() + 32, &state, sizeof(state));
  return object + data;
}

core::ObjectLayout Layout(int32_t ascii_data) {
  core::ObjectLayout layout;
  layout.unicode_ascii_data = ascii_data;
  return layout;
}

TEST(ReadStr, EveryKindInBothLayouts) {
  for (const int32_t at : {40, 48}) {
    const auto read = [at](const std::string& object) {
      return ReadStr(BufferMemory(object), Layout(at), kBase);
    };
    const auto size = static_cast<size_t>(at);
    EXPECT_EQ(read(StrObject(4, 1, true, "ship", size)), "ship");
    EXPECT_EQ(read(StrObject(2, 1, false, "\xe9g", size)), "ég");
    EXPECT_EQ(read(StrObject(1, 2, false, "\xac\x20", size)), "€");
    EXPECT_EQ(
        read(StrObject(1, 4, false, std::string("\xa2\xf6\x01\x00", 4), size)),
        "\U0001f6a2");
    EXPECT_EQ(read(StrObject(0, 1, true, "", size)), "");
  }
}

TEST(ReadStr, ControlAndDirectionCharactersAreReplaced) {
  EXPECT_EQ(ReadStr(BufferMemory(StrObject(5, 1, true, "a\x1b[\nz", 40)),
                    Layout(40), kBase),
            "a?[?z");
  // A direction override and half a surrogate pair.
  const std::string data("\x2e\x20\x00\xd8", 4);
  EXPECT_EQ(ReadStr(BufferMemory(StrObject(2, 2, false, data, 40)), Layout(40),
                    kBase),
            "??");
}

TEST(ReadStr, HugeLengthIsCutAndBrokenObjectsAreRefused) {
  const auto cut = ReadStr(
      BufferMemory(StrObject(100'000, 1, true, std::string(100'000, 'x'), 40)),
      Layout(40), kBase);
  ASSERT_TRUE(cut);
  EXPECT_LE(cut->size(), kMaxStringBytes);
  EXPECT_GT(cut->size(), kMaxStringBytes - 8);
  // Longer than the memory that is there, not compact, an odd kind.
  EXPECT_FALSE(ReadStr(BufferMemory(StrObject(500, 1, true, "short", 40)),
                       Layout(40), kBase));
  EXPECT_FALSE(ReadStr(BufferMemory(StrObject(1, 3, false, "abcd", 40)),
                       Layout(40), kBase));
  EXPECT_FALSE(
      ReadStr(BufferMemory(std::string(100, '\0')), Layout(40), kBase));
  EXPECT_FALSE(ReadStr(BufferMemory(""), Layout(40), ~uint64_t{0} - 4));
}

TEST(CleanUtf8, KeepsValidAndReplacesTheRest) {
  EXPECT_EQ(CleanUtf8("plain é € \U0001f6a2"), "plain é € \U0001f6a2");
  EXPECT_EQ(CleanUtf8("\xff\xc3"), "??");
  EXPECT_EQ(CleanUtf8("\xc0\xaf"), "?");          // overlong
  EXPECT_EQ(CleanUtf8("\xed\xa0\x80"), "?");      // surrogate
  EXPECT_EQ(CleanUtf8("\xf4\x90\x80\x80"), "?");  // past U+10FFFF
  EXPECT_EQ(CleanUtf8("a\xe2\x80\xae"
                      "b"),
            "a?b");  // right-to-left override
}

TEST(CleanUtf8, IsIdempotentAndCapped) {
  std::mt19937 random(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string text(random() % 2000, '\0');
    for (char& c : text) c = static_cast<char>(random());
    const std::string once = CleanUtf8(text);
    EXPECT_LE(once.size(), kMaxStringBytes);
    EXPECT_EQ(CleanUtf8(once), once);
  }
}

TEST(ReadCString, EndsAtNulOrIsRefused) {
  EXPECT_EQ(ReadCString(BufferMemory(std::string("type\0junk", 9)), kBase),
            "type");
  EXPECT_FALSE(ReadCString(BufferMemory("no end"), kBase));
  EXPECT_FALSE(ReadCString(BufferMemory(""), 0));
}

TEST(ReadBytesObject, LengthIsChecked) {
  std::string object(32, '\0');
  object[16] = 3;
  EXPECT_EQ(ReadBytesObject(BufferMemory(object + "abc"), kBase, 100), "abc");
  EXPECT_FALSE(ReadBytesObject(BufferMemory(object + "ab"), kBase, 100));
  EXPECT_FALSE(ReadBytesObject(BufferMemory(object + "abc"), kBase, 2));
  object[23] = static_cast<char>(0x80);  // negative
  EXPECT_FALSE(ReadBytesObject(BufferMemory(object), kBase, 100));
}

}  // namespace
}  // namespace plimsoll::python
