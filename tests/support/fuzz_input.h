// What fuzzers make of their input when any bytes at all would be refused at
// the first check: damage to something valid, or a target's memory that answers
// each read with the next bytes.
#ifndef PLIMSOLL_TESTS_SUPPORT_FUZZ_INPUT_H_
#define PLIMSOLL_TESTS_SUPPORT_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "agent/core/ports.h"

namespace plimsoll::testing {

// An input that begins with an odd byte is a list of damages {offset u16, byte
// u8} to `valid`, after which the length may be cut; else it is taken as it is.
inline std::string ValidButDamaged(std::string_view valid, const uint8_t* data,
                                   size_t size) {
  if (size == 0 || data[0] % 2 == 0 || valid.empty()) {
    return std::string(reinterpret_cast<const char*>(data), size);
  }
  std::string bytes(valid);
  for (size_t i = 1; i + 3 <= size; i += 3) {
    const size_t at = data[i] | size_t{data[i + 1]} << 8;
    bytes[at % bytes.size()] = static_cast<char>(data[i + 2]);
  }
  if (data[0] % 4 == 3) bytes.resize(bytes.size() * data[0] / 256);
  return bytes;
}

// Every address can be read; the bytes are the input's, in the order of the
// reads, so that whatever is followed leads on. Nothing is left at its end.
class StreamMemory final : public core::MemorySource {
 public:
  StreamMemory(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  size_t Read(uint64_t, std::span<std::byte> out) const override {
    const size_t n = std::min(out.size(), size_ - at_);
    if (n > 0) std::memcpy(out.data(), data_ + at_, n);
    at_ += n;
    return n;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  mutable size_t at_ = 0;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_FUZZ_INPUT_H_
