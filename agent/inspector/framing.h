// Messages on a byte stream: a 4-byte little-endian length, then as many bytes.
// A length past kMostMessageBytes, from either end, ends the conversation: a
// child that was taken over must not make its parent allocate at will.
//
// FrameReader collects what arrives in pieces. Pure; one owner, one thread.
#ifndef PLIMSOLL_AGENT_INSPECTOR_FRAMING_H_
#define PLIMSOLL_AGENT_INSPECTOR_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace plimsoll::inspector {

inline constexpr size_t kFrameHeaderBytes = 4;
inline constexpr size_t kMostMessageBytes = 16 << 20;

// The message behind its length; kResourceExhausted when it is too long.
absl::StatusOr<std::string> Frame(std::string_view message);

class FrameReader {
 public:
  void Append(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole message; nothing when more bytes are needed; kDataLoss when
  // the length makes no sense, after which the stream is of no more use.
  absl::StatusOr<std::optional<std::string>> Next();
  // Whether a message has begun that has not ended.
  bool midway() const { return !buffer_.empty(); }
  // Bytes that the message under way still lacks; at least 1.
  size_t missing() const;
  void Clear() {
    buffer_.clear();
    buffer_.shrink_to_fit();
  }

 private:
  std::optional<uint32_t> Length() const;
  std::string buffer_;
};

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_FRAMING_H_
