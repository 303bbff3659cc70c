// A made-up CPython heap in a buffer, for the census: pools, free lists, types
// with names, objects. Addresses are as if the buffer began at kBase.
#ifndef PLIMSOLL_TESTS_SUPPORT_HEAP_BUILDER_H_
#define PLIMSOLL_TESTS_SUPPORT_HEAP_BUILDER_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/ports.h"
#include "agent/core/python_layout.h"

namespace plimsoll::testing {

// Bytes at an address; reads stop where they end, or after `read_limit` bytes
// in all, as when the process dies.
class BufferMemory final : public core::MemorySource {
 public:
  BufferMemory(uint64_t base, std::vector<std::byte> bytes)
      : base_(base), bytes_(std::move(bytes)) {}
  size_t Read(uint64_t address, std::span<std::byte> out) const override {
    if (address < base_ || address - base_ >= bytes_.size()) return 0;
    const size_t at = address - base_;
    const size_t n = std::min({out.size(), bytes_.size() - at, read_limit});
    std::memcpy(out.data(), bytes_.data() + at, n);
    read_limit -= n;
    return n;
  }
  uint64_t base() const { return base_; }
  size_t size() const { return bytes_.size(); }
  std::vector<std::byte>& bytes() { return bytes_; }
  mutable size_t read_limit = SIZE_MAX;

 private:
  uint64_t base_;
  std::vector<std::byte> bytes_;
};

class HeapBuilder {
 public:
  static constexpr uint64_t kBase = 0x7f0000000000;
  // The first quarter holds types and names, the rest pools.
  static constexpr uint64_t kBytes = 1 << 20;

  explicit HeapBuilder(int minor, uint64_t bytes = kBytes)
      : memory_(kBase, std::vector<std::byte>(bytes)) {
    python_.pid = 1;
    core::ObjectLayout& o = python_.objects;
    o.pool_bytes = minor >= 10 ? 16384 : 4096;
    o.arena_bytes = minor >= 10 ? 1 << 20 : 256 << 10;
    o.gc_head_bytes = minor == 7 ? 32 : 16;
    o.object_offsets = {0, o.gc_head_bytes};
    if (minor >= 11) o.object_offsets.push_back(o.gc_head_bytes + 16);
    o.ht_qualname = 864;
    o.unicode_ascii_data = minor >= 12 ? 40 : 48;
    if (minor >= 11) {
      o.dict_keys_log2 = true;
      o.dict_keys_index_bytes_log2 = 9;
      o.dict_keys_kind = 10;
      o.dict_keys_nentries = 24;
      o.dict_keys_indices = 32;
    }
    next_pool_ = kBase + bytes / 4;
    python_.type_type_address = AddType("type", 0, 1u << 31);
    Set<uint64_t>(type() + 8, type());
  }

  uint64_t type() const { return python_.type_type_address; }
  core::PythonProcess& python() { return python_; }
  BufferMemory& memory() { return memory_; }
  std::vector<core::Mapping> mappings() const {
    return {{.start = kBase,
             .end = kBase + memory_.size(),
             .readable = true,
             .writable = true,
             .path = ""}};
  }

  template <typename T>
  void Set(uint64_t address, T value) {
    std::memcpy(memory_.bytes().data() + (address - kBase), &value,
                sizeof(value));
  }
  uint64_t Allocate(size_t bytes) {
    const uint64_t at = kBase + 4096 + used_;
    used_ += (bytes + 15) / 16 * 16;
    return at;
  }
  uint64_t AddCString(std::string_view text) {
    const uint64_t at = Allocate(text.size() + 1);
    for (size_t i = 0; i < text.size(); ++i) Set(at + i, text[i]);
    return at;
  }
  // A str of 1, 2 or 4 bytes a character; ASCII where all are.
  template <typename Char = char>
  uint64_t AddStr(std::basic_string_view<Char> text) {
    const core::ObjectLayout& o = python_.objects;
    bool ascii = sizeof(Char) == 1;
    for (const Char c : text) ascii = ascii && static_cast<uint32_t>(c) < 0x80;
    uint64_t data = static_cast<uint64_t>(o.unicode_ascii_data);
    if (!ascii) data += data == 48 ? 24 : 16;
    const uint64_t at = Allocate(data + (text.size() + 1) * sizeof(Char));
    Set<uint64_t>(at, 1);
    Set<uint64_t>(at + 16, text.size());
    Set<uint32_t>(at + 32, sizeof(Char) << 2 | 1 << 5 | (ascii ? 1 << 6 : 0));
    for (size_t i = 0; i < text.size(); ++i) {
      Set(at + data + i * sizeof(Char), text[i]);
    }
    return at;
  }
  uint64_t AddType(std::string_view tp_name, uint64_t metatype,
                   uint64_t flags = 0) {
    const uint64_t at = Allocate(1024);
    Set<uint64_t>(at, 3);
    Set<uint64_t>(at + 8, metatype);
    Set<uint64_t>(at + 24, AddCString(tp_name));
    Set<int64_t>(at + 32, 32);
    Set<uint64_t>(at + 168, flags | 1 << 12);  // ready
    return at;
  }
  // A class: its dict holds `others` entries before __module__.
  uint64_t AddClass(std::string_view module, uint64_t qualname, int others = 0,
                    bool all_str_keys = true) {
    const uint64_t at = AddType("fallback", type(), 1 << 9);  // heap type
    Set<uint64_t>(at + 264, AddDict(module, others, all_str_keys));
    Set<uint64_t>(at + 864, qualname);
    return at;
  }
  uint64_t AddDict(std::string_view module, int others, bool all_str_keys) {
    const core::ObjectLayout& o = python_.objects;
    const bool log2 = o.dict_keys_log2;
    const uint64_t entry = log2 && all_str_keys ? 16 : 24;
    uint64_t slots = 8;
    while (slots < static_cast<uint64_t>(others + 1) * 2) slots *= 2;
    const uint64_t indices =
        slots <= 128 || !log2 ? slots * (slots > 255 ? 2 : 1) : slots * 2;
    const uint64_t dict = Allocate(48);
    const uint64_t keys = Allocate(40 + indices + (others + 1) * 24);
    Set<uint64_t>(dict + 32, keys);
    if (log2) {
      Set<uint8_t>(keys + 9, static_cast<uint8_t>(std::countr_zero(indices)));
      Set<uint8_t>(keys + 10, all_str_keys ? 1 : 0);
    } else {
      Set<uint64_t>(keys + 8, slots);
    }
    Set<uint64_t>(keys + static_cast<uint64_t>(o.dict_keys_nentries),
                  others + 1);
    uint64_t at = keys + static_cast<uint64_t>(o.dict_keys_indices) + indices;
    if (entry == 24) at += 8;
    for (int i = 0; i < others; ++i, at += entry) {
      Set<uint64_t>(at, AddStr(std::string_view("other")));
      Set<uint64_t>(at + 8, type());
    }
    Set<uint64_t>(at, AddStr(std::string_view("__module__")));
    Set<uint64_t>(at + 8, AddStr(module));
    return dict;
  }

  struct Pool {
    uint64_t address = 0;
    uint32_t block_bytes = 0;
    uint32_t carved = 0;
  };
  // All `carved` blocks are live at first. 0: as many as fit.
  Pool AddPool(uint32_t block_bytes, uint32_t carved = 0, uint32_t arena = 0) {
    const uint32_t pool_bytes = python_.objects.pool_bytes;
    if (carved == 0) carved = (pool_bytes - 48) / block_bytes;
    const Pool pool{next_pool_, block_bytes, carved};
    next_pool_ += pool_bytes;
    Set<uint32_t>(pool.address, carved);
    Set<uint32_t>(pool.address + 32, arena);
    Set<uint32_t>(pool.address + 36, block_bytes / 16 - 1);
    Set<uint32_t>(pool.address + 40, 48 + carved * block_bytes);
    Set<uint32_t>(pool.address + 44, pool_bytes - block_bytes);
    return pool;
  }
  uint64_t Block(const Pool& pool, uint32_t index) const {
    return pool.address + 48 + uint64_t{index} * pool.block_bytes;
  }
  void PutObject(const Pool& pool, uint32_t index, uint64_t type,
                 uint32_t offset, uint64_t refcount = 1) {
    Set<uint64_t>(Block(pool, index) + offset, refcount);
    Set<uint64_t>(Block(pool, index) + offset + 8, type);
  }
  // Puts blocks on the free list, the last one first, and counts them.
  void Free(const Pool& pool, const std::vector<uint32_t>& blocks) {
    uint64_t head = 0;
    for (const uint32_t index : blocks) {
      Set<uint64_t>(Block(pool, index), head);
      head = Block(pool, index);
    }
    Set<uint64_t>(pool.address + 8, head);
    Set<uint32_t>(pool.address,
                  pool.carved - static_cast<uint32_t>(blocks.size()));
  }

 private:
  BufferMemory memory_;
  core::PythonProcess python_;
  uint64_t used_ = 0;
  uint64_t next_pool_ = 0;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_HEAP_BUILDER_H_
