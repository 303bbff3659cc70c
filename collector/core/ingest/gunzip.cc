#include "collector/core/ingest/gunzip.h"

#include <zlib.h>

#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::collector {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // inflateInit2: no zlib, no raw
constexpr size_t kPieceBytes = 64 << 10;

class Inflater {
 public:
  explicit Inflater(std::string_view bytes) {
    // zlib does not write to it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    ready_ = inflateInit2(&stream_, kGzipOnly) == Z_OK;
  }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool ready() const { return ready_; }
  bool at_end() const { return stream_.avail_in == 0; }
  bool NextMember() { return inflateReset(&stream_) == Z_OK; }
  int Step(std::string& out) {
    stream_.next_out = piece_.data();
    stream_.avail_out = static_cast<uInt>(piece_.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    out.append(reinterpret_cast<const char*>(piece_.data()),
               piece_.size() - stream_.avail_out);
    return result;
  }

 private:
  z_stream stream_ = {};
  bool ready_ = false;
  std::vector<Bytef> piece_ = std::vector<Bytef>(kPieceBytes);
};

}  // namespace

bool LooksGzipped(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

absl::StatusOr<std::string> Gunzip(std::string_view bytes, size_t max_bytes) {
  if (bytes.size() > std::numeric_limits<uInt>::max()) {
    return absl::ResourceExhaustedError("a gzip body of over 4 GiB");
  }
  Inflater inflater(bytes);
  if (!inflater.ready()) return absl::InternalError("zlib does not start");
  std::string out;
  while (true) {
    const int result = inflater.Step(out);
    if (out.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the body unfolds to more than ", max_bytes, " bytes"));
    }
    if (result == Z_STREAM_END) {
      if (inflater.at_end()) return out;
      if (inflater.NextMember()) continue;
    }
    if (result != Z_OK) {
      return absl::InvalidArgumentError("the body is no gzip, or is cut short");
    }
  }
}

}  // namespace plimsoll::collector
