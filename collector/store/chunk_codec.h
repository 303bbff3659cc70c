// Columns of a chunk: times (milliseconds, delta of delta) and values (integer
// deltas, or XOR of doubles), as bytes. Pure; any thread.
//
// An integer column is a row of zigzag varints in which a zero is followed by
// the length of its run, less one. Regular times and constant values therefore
// cost almost nothing. XOR follows Pelkonen et al., "Gorilla" (VLDB 2015),
// kept to whole bytes: one control byte (leading zero bytes << 3 | trailing
// zero bytes, or 0xff and a run length), then the bytes between.
// Every bit of a double comes back, NaN payloads and -0.0 too.
#ifndef PLIMSOLL_COLLECTOR_STORE_CHUNK_CODEC_H_
#define PLIMSOLL_COLLECTOR_STORE_CHUNK_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::collector::store {

inline constexpr size_t kMaxChunkSamples = 1 << 20;

// Appends integers as varints of their `order`-th difference (1 or 2).
class IntColumn {
 public:
  explicit IntColumn(int order) : order_(order) {}
  void Append(int64_t value);
  std::string Bytes() const;
  size_t MemoryBytes() const { return bytes_.capacity(); }

 private:
  int order_;
  uint64_t last_ = 0, last_delta_ = 0;
  uint64_t zeros_ = 0;
  std::string bytes_;
};

class XorColumn {
 public:
  void Append(double value);
  std::string Bytes() const;
  size_t MemoryBytes() const { return bytes_.capacity(); }

 private:
  uint64_t last_ = 0;
  uint64_t zeros_ = 0;
  std::string bytes_;
};

// All fail with DataLoss on bytes that end early, go on too long or hold a run
// past `count`; `count` above kMaxChunkSamples is refused.
absl::StatusOr<std::vector<int64_t>> DecodeInts(std::string_view bytes,
                                                size_t count, int order);
absl::StatusOr<std::vector<double>> DecodeXor(std::string_view bytes,
                                              size_t count);

// The stored form of a value column: a mode byte, a shift where the mode is of
// integers, the column. The smallest of the modes is taken.
std::string EncodeValues(const std::vector<double>& values);
absl::StatusOr<std::vector<double>> DecodeValues(std::string_view bytes,
                                                 size_t count);
std::string EncodeTimes(const std::vector<int64_t>& times_ms);
absl::StatusOr<std::vector<int64_t>> DecodeTimes(std::string_view bytes,
                                                 size_t count);

// A growing chunk in memory: starts with integers, changes to XOR at the first
// value that is not one.
class ChunkBuilder {
 public:
  void Append(int64_t time_ms, double value);
  void Clear();
  size_t count() const { return count_; }
  int64_t first_ms() const { return first_ms_; }
  int64_t last_ms() const { return last_ms_; }
  size_t MemoryBytes() const;
  absl::Status Decode(std::vector<int64_t>* times_ms,
                      std::vector<double>* values) const;

 private:
  size_t count_ = 0;
  int64_t first_ms_ = 0, last_ms_ = 0;
  bool integers_ = true;
  IntColumn times_{2};
  IntColumn ints_{1};
  XorColumn xors_;
};

}  // namespace plimsoll::collector::store

#endif  // PLIMSOLL_COLLECTOR_STORE_CHUNK_CODEC_H_
