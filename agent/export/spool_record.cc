#include "agent/export/spool_record.h"

#include "agent/export/crc32c.h"

namespace plimsoll::exporter {
namespace {

template <typename Int>
void Put(std::string& out, Int value) {
  for (size_t i = 0; i < sizeof(Int); ++i) {
    out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
}

template <typename Int>
Int Get(std::string_view bytes, size_t at) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) {
    value |= static_cast<Int>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  }
  return value;
}

}  // namespace

std::string EncodeRecord(uint64_t seq, std::string_view payload) {
  std::string checked;
  checked.reserve(8 + payload.size());
  Put(checked, seq);
  checked.append(payload);
  std::string record;
  record.reserve(kRecordHeaderBytes + payload.size());
  Put(record, static_cast<uint32_t>(payload.size()));
  Put(record, Crc32c(checked));
  record.append(checked);
  return record;
}

std::optional<SpoolRecord> DecodeRecord(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  size_t length = Get<uint32_t>(bytes, 0);
  if (length > kMaxPayloadBytes || length > bytes.size() - kRecordHeaderBytes) {
    return std::nullopt;
  }
  if (Get<uint32_t>(bytes, 4) != Crc32c(bytes.substr(8, 8 + length))) {
    return std::nullopt;
  }
  SpoolRecord record;
  record.seq = Get<uint64_t>(bytes, 8);
  record.payload = bytes.substr(kRecordHeaderBytes, length);
  return record;
}

}  // namespace plimsoll::exporter
