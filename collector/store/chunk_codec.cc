#include "collector/store/chunk_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::store {
namespace {

constexpr char kIntDelta = 0;
constexpr char kIntDeltaOfDelta = 1;
constexpr char kXor = 2;
constexpr uint8_t kXorRun = 0xff;

absl::Status Corrupt(const char* what) {
  return absl::DataLossError(std::string("decode chunk: ") + what);
}

uint64_t ZigZag(uint64_t value) {
  return (value << 1) ^ (static_cast<int64_t>(value) < 0 ? ~uint64_t{0} : 0);
}

uint64_t UnZigZag(uint64_t value) { return (value >> 1) ^ (~(value & 1) + 1); }

void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return at_ == bytes_.size(); }
  bool Byte(uint8_t* value) {
    if (done()) return false;
    *value = static_cast<uint8_t>(bytes_[at_++]);
    return true;
  }
  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

// True for doubles that an int64 gives back bit for bit and whose differences
// cannot overflow: |v| < 2^53, not -0.0, not NaN.
bool IsExactInteger(double value) {
  return std::abs(value) < 9007199254740992.0 && std::trunc(value) == value &&
         !(value == 0 && std::signbit(value));
}

// Trailing zero bits that all differences share: RSS moves in pages.
int CommonShift(const std::vector<double>& values) {
  uint64_t bits = 0;
  for (double value : values) {
    bits |= static_cast<uint64_t>(static_cast<int64_t>(value));
  }
  return bits == 0 ? 0 : std::min(std::countr_zero(bits), 52);
}

}  // namespace

void IntColumn::Append(int64_t value) {
  uint64_t delta = static_cast<uint64_t>(value) - last_;
  uint64_t out = order_ == 2 ? delta - last_delta_ : delta;
  last_ = static_cast<uint64_t>(value);
  last_delta_ = delta;
  if (out == 0) {
    ++zeros_;
    return;
  }
  if (zeros_ > 0) {
    bytes_.push_back(0);
    PutVarint(zeros_ - 1, &bytes_);
    zeros_ = 0;
  }
  PutVarint(ZigZag(out), &bytes_);
}

std::string IntColumn::Bytes() const {
  std::string bytes = bytes_;
  if (zeros_ > 0) {
    bytes.push_back(0);
    PutVarint(zeros_ - 1, &bytes);
  }
  return bytes;
}

void XorColumn::Append(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint64_t change = bits ^ last_;
  last_ = bits;
  if (change == 0) {
    ++zeros_;
    return;
  }
  if (zeros_ > 0) {
    bytes_.push_back(static_cast<char>(kXorRun));
    PutVarint(zeros_ - 1, &bytes_);
    zeros_ = 0;
  }
  int leading = std::countl_zero(change) / 8;
  int trailing = std::countr_zero(change) / 8;
  bytes_.push_back(static_cast<char>(leading << 3 | trailing));
  for (int byte = trailing; byte < 8 - leading; ++byte) {
    bytes_.push_back(static_cast<char>(change >> (8 * byte)));
  }
}

std::string XorColumn::Bytes() const {
  std::string bytes = bytes_;
  if (zeros_ > 0) {
    bytes.push_back(static_cast<char>(kXorRun));
    PutVarint(zeros_ - 1, &bytes);
  }
  return bytes;
}

absl::StatusOr<std::vector<int64_t>> DecodeInts(std::string_view bytes,
                                                size_t count, int order) {
  if (count > kMaxChunkSamples) return Corrupt("too many samples");
  std::vector<int64_t> values;
  values.reserve(count);
  ByteReader reader(bytes);
  uint64_t last = 0, last_delta = 0;
  while (values.size() < count) {
    uint64_t coded, run = 1;
    if (!reader.Varint(&coded)) return Corrupt("integers end early");
    if (coded == 0) {
      if (!reader.Varint(&run)) return Corrupt("run ends early");
      if (run >= count - values.size()) return Corrupt("run too long");
      ++run;
    }
    uint64_t change = UnZigZag(coded);
    for (; run > 0; --run) {
      last_delta = order == 2 ? last_delta + change : change;
      last += last_delta;
      values.push_back(static_cast<int64_t>(last));
    }
  }
  if (!reader.done()) return Corrupt("bytes after the last integer");
  return values;
}

absl::StatusOr<std::vector<double>> DecodeXor(std::string_view bytes,
                                              size_t count) {
  if (count > kMaxChunkSamples) return Corrupt("too many samples");
  std::vector<double> values;
  values.reserve(count);
  ByteReader reader(bytes);
  uint64_t last = 0;
  while (values.size() < count) {
    uint8_t control;
    if (!reader.Byte(&control)) return Corrupt("doubles end early");
    uint64_t run = 1;
    if (control == kXorRun) {
      if (!reader.Varint(&run)) return Corrupt("run ends early");
      if (run >= count - values.size()) return Corrupt("run too long");
      ++run;
    } else {
      int leading = control >> 3, trailing = control & 7;
      if (leading + trailing > 7) return Corrupt("bad control byte");
      uint64_t change = 0;
      for (int at = trailing; at < 8 - leading; ++at) {
        uint8_t byte;
        if (!reader.Byte(&byte)) return Corrupt("doubles end early");
        change |= static_cast<uint64_t>(byte) << (8 * at);
      }
      last ^= change;
    }
    values.insert(values.end(), run, std::bit_cast<double>(last));
  }
  if (!reader.done()) return Corrupt("bytes after the last double");
  return values;
}

std::string EncodeValues(const std::vector<double>& values) {
  if (!std::all_of(values.begin(), values.end(), IsExactInteger)) {
    XorColumn column;
    for (double value : values) column.Append(value);
    return std::string(1, kXor) + column.Bytes();
  }
  int shift = CommonShift(values);
  IntColumn once(1), twice(2);
  for (double value : values) {
    int64_t integer = static_cast<int64_t>(value) >> shift;
    once.Append(integer);
    twice.Append(integer);
  }
  std::string first = once.Bytes(), second = twice.Bytes();
  bool take_first = first.size() <= second.size();
  std::string out(1, take_first ? kIntDelta : kIntDeltaOfDelta);
  out.push_back(static_cast<char>(shift));
  return out + (take_first ? first : second);
}

absl::StatusOr<std::vector<double>> DecodeValues(std::string_view bytes,
                                                 size_t count) {
  if (bytes.empty()) return Corrupt("empty value column");
  char mode = bytes[0];
  if (mode == kXor) return DecodeXor(bytes.substr(1), count);
  if (mode != kIntDelta && mode != kIntDeltaOfDelta) {
    return Corrupt("unknown value mode");
  }
  if (bytes.size() < 2) return Corrupt("integers end early");
  int shift = bytes[1];
  if (shift < 0 || shift > 52) return Corrupt("bad shift");
  PLIMSOLL_ASSIGN_OR_RETURN(
      std::vector<int64_t> integers,
      DecodeInts(bytes.substr(2), count, mode == kIntDelta ? 1 : 2));
  std::vector<double> values;
  values.reserve(count);
  for (int64_t integer : integers) {
    values.push_back(static_cast<double>(
        static_cast<int64_t>(static_cast<uint64_t>(integer) << shift)));
  }
  return values;
}

std::string EncodeTimes(const std::vector<int64_t>& times_ms) {
  IntColumn column(2);
  for (int64_t time_ms : times_ms) column.Append(time_ms);
  return column.Bytes();
}

absl::StatusOr<std::vector<int64_t>> DecodeTimes(std::string_view bytes,
                                                 size_t count) {
  return DecodeInts(bytes, count, 2);
}

void ChunkBuilder::Append(int64_t time_ms, double value) {
  if (count_ == 0) {
    first_ms_ = last_ms_ = time_ms;
  } else {
    first_ms_ = std::min(first_ms_, time_ms);
    last_ms_ = std::max(last_ms_, time_ms);
  }
  times_.Append(time_ms);
  if (integers_ && !IsExactInteger(value)) {
    // What we wrote ourselves decodes; a failure would lose the chunk only.
    auto values = DecodeInts(ints_.Bytes(), count_, 1);
    if (values.ok()) {
      for (int64_t integer : *values) {
        xors_.Append(static_cast<double>(integer));
      }
    }
    integers_ = false;
    ints_ = IntColumn(1);
  }
  if (integers_) {
    ints_.Append(static_cast<int64_t>(value));
  } else {
    xors_.Append(value);
  }
  ++count_;
}

void ChunkBuilder::Clear() { *this = ChunkBuilder(); }

size_t ChunkBuilder::MemoryBytes() const {
  return sizeof(*this) + times_.MemoryBytes() + ints_.MemoryBytes() +
         xors_.MemoryBytes();
}

absl::Status ChunkBuilder::Decode(std::vector<int64_t>* times_ms,
                                  std::vector<double>* values) const {
  PLIMSOLL_ASSIGN_OR_RETURN(*times_ms, DecodeTimes(times_.Bytes(), count_));
  if (!integers_) {
    PLIMSOLL_ASSIGN_OR_RETURN(*values, DecodeXor(xors_.Bytes(), count_));
    return absl::OkStatus();
  }
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<int64_t> integers,
                            DecodeInts(ints_.Bytes(), count_, 1));
  values->assign(integers.begin(), integers.end());
  return absl::OkStatus();
}

}  // namespace plimsoll::collector::store
