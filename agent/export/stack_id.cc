#include "agent/export/stack_id.h"

#include <cstdint>
#include <string_view>

namespace plimsoll::exporter {
namespace {

using Uint128 = unsigned __int128;

constexpr Uint128 Make(uint64_t high, uint64_t low) {
  return (static_cast<Uint128>(high) << 64) | low;
}

class Fnv1a128 {
 public:
  void Add(std::string_view text) {
    for (char c : text) AddByte(static_cast<uint8_t>(c));
    // Ends the field: ("ab", "c") is not ("a", "bc"). 0xff is in no UTF-8.
    AddByte(0xff);
  }
  void Add(uint32_t value) {
    for (int i = 0; i < 4; ++i) AddByte((value >> (8 * i)) & 0xff);
  }
  std::string Digest() const {
    std::string bytes(16, '\0');
    for (int i = 0; i < 16; ++i) {
      bytes[static_cast<size_t>(i)] =
          static_cast<char>((hash_ >> (8 * (15 - i))) & 0xff);
    }
    return bytes;
  }

 private:
  void AddByte(uint8_t byte) { hash_ = (hash_ ^ byte) * kPrime; }
  static constexpr Uint128 kPrime = Make(0x0000000001000000, 0x13b);
  Uint128 hash_ = Make(0x6c62272e07bb0142, 0x62b821756295c58d);
};

}  // namespace

std::string StackId(const core::Stack& stack) {
  Fnv1a128 hash;
  for (const core::Frame& frame : stack.frames) {
    hash.Add(frame.function);
    hash.Add(frame.file);
    hash.Add(frame.module);
    hash.Add(static_cast<uint32_t>(frame.line));
    hash.Add(static_cast<uint32_t>(frame.native ? 1 : 0));
  }
  hash.Add(static_cast<uint32_t>(stack.truncated ? 1 : 0));
  return hash.Digest();
}

}  // namespace plimsoll::exporter
