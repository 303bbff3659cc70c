// Bytes of a file by offset: the one way in which foreign files are read.
//
// Files are read with pread, never mapped: a file that is cut short while we
// read it gives a short read, where a mapping would give SIGBUS.
//
// Threads: ReadAt may be called from any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_BYTE_SOURCE_H_
#define PLIMSOLL_AGENT_PYTHON_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "plimsoll/base/unique_fd.h"

namespace plimsoll::python {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `out` from `offset`; false when not all of it could be read.
  virtual bool ReadAt(uint64_t offset, std::span<std::byte> out) const = 0;
  virtual uint64_t size() const = 0;

  // A plain struct at `offset`.
  template <typename T>
  std::optional<T> ReadStruct(uint64_t offset) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    if (!ReadAt(offset, std::as_writable_bytes(std::span(&value, 1)))) {
      return std::nullopt;
    }
    return value;
  }

  // `length` bytes at `offset`, or nothing when they are not all there or are
  // more than `max_length`. Allocates only after both were checked.
  std::optional<std::string> ReadBytes(uint64_t offset, uint64_t length,
                                       uint64_t max_length) const;
};

// A file. The size is the one at opening.
class FileByteSource final : public ByteSource {
 public:
  FileByteSource(UniqueFd fd, uint64_t size)
      : fd_(std::move(fd)), size_(size) {}
  bool ReadAt(uint64_t offset, std::span<std::byte> out) const override;
  uint64_t size() const override { return size_; }

 private:
  UniqueFd fd_;
  uint64_t size_;
};

// A buffer, for tests and fuzzers.
class BufferByteSource final : public ByteSource {
 public:
  explicit BufferByteSource(std::string bytes) : bytes_(std::move(bytes)) {}
  bool ReadAt(uint64_t offset, std::span<std::byte> out) const override;
  uint64_t size() const override { return bytes_.size(); }

 private:
  std::string bytes_;
};

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_BYTE_SOURCE_H_
