#include "agent/python/byte_source.h"

#include <unistd.h>

#include <cerrno>

namespace plimsoll::python {

std::optional<std::string> ByteSource::ReadBytes(uint64_t offset,
                                                 uint64_t length,
                                                 uint64_t max_length) const {
  if (length > max_length || offset > size() || length > size() - offset) {
    return std::nullopt;
  }
  std::string bytes(length, '\0');
  if (!ReadAt(offset, std::as_writable_bytes(std::span(bytes)))) {
    return std::nullopt;
  }
  return bytes;
}

bool FileByteSource::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

bool BufferByteSource::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
    return false;
  }
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return true;
}

}  // namespace plimsoll::python
