// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78; RFC 3720 appendix B).
#ifndef PLIMSOLL_AGENT_EXPORT_CRC32C_H_
#define PLIMSOLL_AGENT_EXPORT_CRC32C_H_

#include <array>
#include <cstdint>
#include <string_view>

namespace plimsoll::exporter {

inline constexpr std::array<uint32_t, 256> kCrc32cTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0);
    }
    table[i] = value;
  }
  return table;
}();

// Of `bytes`, continuing from `crc` (0 to begin).
inline uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0) {
  crc = ~crc;
  for (char byte : bytes) {
    crc = kCrc32cTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_CRC32C_H_
