// How a batch lies in a segment file of the spool. Pure; any thread.
//
//   offset 0  u32 length of the payload
//          4  u32 CRC-32C of bytes 8.. to the end of the payload
//          8  u64 seq
//         16  payload
// All little-endian. Records follow each other without padding.
#ifndef PLIMSOLL_AGENT_EXPORT_SPOOL_RECORD_H_
#define PLIMSOLL_AGENT_EXPORT_SPOOL_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::exporter {

inline constexpr size_t kRecordHeaderBytes = 16;
inline constexpr size_t kMaxPayloadBytes = 16 << 20;

struct SpoolRecord {
  uint64_t seq = 0;
  std::string_view payload;
  size_t size_bytes() const { return kRecordHeaderBytes + payload.size(); }
};

std::string EncodeRecord(uint64_t seq, std::string_view payload);

// The record at the start of `bytes`; nullopt when it is cut or corrupt.
std::optional<SpoolRecord> DecodeRecord(std::string_view bytes);

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_SPOOL_RECORD_H_
