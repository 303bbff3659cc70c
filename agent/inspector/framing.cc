#include "agent/inspector/framing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace plimsoll::inspector {

absl::StatusOr<std::string> Frame(std::string_view message) {
  if (message.size() > kMostMessageBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("message of ", message.size(),
                     " bytes is over the bound of ", kMostMessageBytes));
  }
  std::string frame;
  frame.reserve(kFrameHeaderBytes + message.size());
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    frame.push_back(static_cast<char>(message.size() >> (8 * i) & 0xff));
  }
  frame.append(message);
  return frame;
}

std::optional<uint32_t> FrameReader::Length() const {
  if (buffer_.size() < kFrameHeaderBytes) return std::nullopt;
  uint32_t length = 0;
  for (size_t i = 0; i < kFrameHeaderBytes; ++i) {
    length |= uint32_t{static_cast<unsigned char>(buffer_[i])} << (8 * i);
  }
  return length;
}

absl::StatusOr<std::optional<std::string>> FrameReader::Next() {
  const auto length = Length();
  if (!length) return std::nullopt;
  if (*length > kMostMessageBytes) {
    return absl::DataLossError(
        absl::StrCat("message length ", *length, " makes no sense"));
  }
  if (buffer_.size() < kFrameHeaderBytes + *length) return std::nullopt;
  std::string message = buffer_.substr(kFrameHeaderBytes, *length);
  buffer_.erase(0, kFrameHeaderBytes + *length);
  if (buffer_.empty()) Clear();
  return std::optional<std::string>(std::move(message));
}

size_t FrameReader::missing() const {
  const auto length = Length();
  if (!length) return kFrameHeaderBytes - buffer_.size();
  const size_t whole =
      kFrameHeaderBytes + std::min<size_t>(*length, kMostMessageBytes);
  return std::max<size_t>(1, whole - std::min(whole, buffer_.size()));
}

}  // namespace plimsoll::inspector
