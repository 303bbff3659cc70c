#include "agent/python/function_table.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace plimsoll::python {
namespace {

// DW_EH_PE_*: the low half says how a value is stored, the high half what it is
// relative to.
enum : uint8_t {
  kAbsolutePointer = 0x00,
  kUdata2 = 0x02,
  kUdata4 = 0x03,
  kUdata8 = 0x04,
  kSdata2 = 0x0a,
  kSdata4 = 0x0b,
  kSdata8 = 0x0c,
  kFormatMask = 0x0f,
  kPcRelative = 0x10,
  kApplicationMask = 0x70,
  kIndirect = 0x80,
};

// Reads one after another; once past the end it stays failed.
class Cursor {
 public:
  Cursor(std::string_view bytes, uint64_t address)
      : bytes_(bytes), address_(address) {}
  bool ok() const { return ok_; }
  size_t at() const { return at_; }
  void Skip(uint64_t n) {
    if (n > bytes_.size() - at_) ok_ = false;
    at_ = ok_ ? at_ + n : bytes_.size();
  }
  template <typename T>
  T Take() {
    T value{};
    if (bytes_.size() - at_ < sizeof(T)) {
      ok_ = false;
      at_ = bytes_.size();
      return value;
    }
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  uint64_t TakeUleb() {
    uint64_t value = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      const auto byte = Take<uint8_t>();
      value |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  // A pointer in one of the encodings that compilers use for code.
  std::optional<uint64_t> TakePointer(uint8_t encoding) {
    const uint64_t here = address_ + at_;
    uint64_t value = 0;
    switch (encoding & kFormatMask) {
      case kAbsolutePointer:
      case kUdata8:
      case kSdata8:
        value = Take<uint64_t>();
        break;
      case kUdata4:
        value = Take<uint32_t>();
        break;
      case kSdata4:
        value = static_cast<uint64_t>(int64_t{Take<int32_t>()});
        break;
      case kUdata2:
        value = Take<uint16_t>();
        break;
      case kSdata2:
        value = static_cast<uint64_t>(int64_t{Take<int16_t>()});
        break;
      default:
        ok_ = false;
    }
    if (!ok_ || (encoding & kIndirect) != 0) return std::nullopt;
    if ((encoding & kApplicationMask) == kPcRelative) return here + value;
    if ((encoding & kApplicationMask) != 0) return std::nullopt;
    return value;
  }

 private:
  std::string_view bytes_;
  uint64_t address_;
  size_t at_ = 0;
  bool ok_ = true;
};

// How the frame descriptions of one CIE store pointers to code; nothing when it
// is not to be understood. `body` starts after the CIE's id.
std::optional<uint8_t> PointerEncodingOf(std::string_view body,
                                         uint64_t address) {
  Cursor cursor(body, address);
  const auto version = cursor.Take<uint8_t>();
  if (version != 1 && version != 3) return std::nullopt;
  const size_t end = body.find('\0', cursor.at());
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view augmentation =
      body.substr(cursor.at(), end - cursor.at());
  cursor.Skip(augmentation.size() + 1);
  cursor.TakeUleb();  // code alignment
  cursor.TakeUleb();  // data alignment: signed, the same length
  version == 1 ? cursor.Skip(1) : static_cast<void>(cursor.TakeUleb());
  if (augmentation.empty()) return uint8_t{kAbsolutePointer};
  if (augmentation.front() != 'z') return std::nullopt;
  cursor.TakeUleb();
  std::optional<uint8_t> encoding = uint8_t{kAbsolutePointer};
  for (const char letter : augmentation.substr(1)) {
    if (letter == 'R') {
      encoding = cursor.Take<uint8_t>();
    } else if (letter == 'P') {
      cursor.TakePointer(cursor.Take<uint8_t>() & ~kIndirect);
    } else if (letter == 'L') {
      cursor.Skip(1);
    } else if (letter != 'S' && letter != 'B') {
      return std::nullopt;
    }
  }
  return cursor.ok() ? encoding : std::nullopt;
}

// One CIE or FDE: where it is in the section, past its length field.
struct Record {
  size_t at = 0;  // of the id field
  size_t next = 0;
  uint32_t id = 0;
};

std::optional<Record> TakeRecord(std::string_view section, size_t at) {
  Cursor cursor(section.substr(at), 0);
  uint64_t length = cursor.Take<uint32_t>();
  if (length == 0xffffffff) length = cursor.Take<uint64_t>();
  if (!cursor.ok() || length < sizeof(uint32_t)) return std::nullopt;
  Record record{.at = at + cursor.at()};
  if (length > section.size() - record.at) return std::nullopt;
  record.next = record.at + length;
  record.id = cursor.Take<uint32_t>();
  return record;
}

}  // namespace

FunctionTable FunctionTable::Parse(std::string_view eh_frame,
                                   uint64_t address) {
  constexpr size_t kIdBytes = sizeof(uint32_t);
  std::map<size_t, std::optional<uint8_t>> encodings;  // by the CIE's id field
  std::vector<FunctionBounds> functions;
  size_t at = 0;
  while (at < eh_frame.size() && functions.size() < kMostFunctions) {
    const auto record = TakeRecord(eh_frame, at);
    if (!record) break;  // the terminator, or damage
    at = record->next;
    const std::string_view body = eh_frame.substr(
        record->at + kIdBytes, record->next - record->at - kIdBytes);
    const uint64_t body_address = address + record->at + kIdBytes;
    // The id of an FDE is the distance back to its CIE's length field, which is
    // 4 bytes before that one's id (64-bit CIEs are not met).
    const size_t cie = record->at - record->id + kIdBytes;
    if (record->id == 0) {
      encodings[record->at] = PointerEncodingOf(body, body_address);
      continue;
    }
    const auto encoding = encodings.find(cie);
    if (encoding == encodings.end() || !encoding->second) continue;
    Cursor cursor(body, body_address);
    const auto begin = cursor.TakePointer(*encoding->second);
    const auto size = cursor.TakePointer(*encoding->second & kFormatMask);
    if (!begin || !size || *begin == 0 || *size == 0 || *size > UINT32_MAX ||
        *begin > INT64_MAX) {
      continue;
    }
    functions.push_back({.begin = *begin, .end = *begin + *size});
  }
  std::sort(functions.begin(), functions.end());
  return FunctionTable(std::move(functions));
}

FunctionTable FunctionTable::Of(const ElfFile& elf) {
  const ElfSection* section = elf.FindSection(".eh_frame");
  if (section == nullptr) return FunctionTable({});
  return Parse(elf.ReadAddress(section->address, section->size),
               section->address);
}

std::optional<FunctionBounds> FunctionTable::Find(uint64_t address) const {
  auto after = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](uint64_t a, const FunctionBounds& f) { return a < f.begin; });
  if (after == functions_.begin()) return std::nullopt;
  const FunctionBounds& function = *std::prev(after);
  if (!function.Contains(address)) return std::nullopt;
  return function;
}

}  // namespace plimsoll::python
