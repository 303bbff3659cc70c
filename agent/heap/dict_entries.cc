#include "agent/heap/dict_entries.h"

#include <algorithm>
#include <array>
#include <optional>

#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr uint64_t kLargestTable = uint64_t{1} << 32;  // slots

struct KeyTable {
  uint64_t index_bytes = 0;
  uint64_t entries = 0;
  size_t entry_bytes =
      24;  // {hash, key, value}; {key, value} where all are str
  size_t key_offset = 8;
};

// dk_indices holds dk_size integers of the smallest width that holds dk_size.
uint64_t IndexBytes(uint64_t size) {
  if (size <= 0xff) return size;
  if (size <= 0xffff) return size * 2;
  if (size <= 0xffffffff) return size * 4;
  return size * 8;
}

std::optional<KeyTable> ParseKeys(std::span<const std::byte> keys,
                                  const core::ObjectLayout& layout) {
  KeyTable table;
  const auto entries = LoadAt<uint64_t>(keys, layout.dict_keys_nentries);
  if (!entries) return std::nullopt;
  table.entries = *entries;
  if (!layout.dict_keys_log2) {
    const auto size = LoadAt<uint64_t>(keys, layout.dict_keys_size);
    if (!size || *size > kLargestTable) return std::nullopt;
    table.index_bytes = IndexBytes(*size);
    return table;
  }
  const auto log2_bytes =
      LoadAt<uint8_t>(keys, layout.dict_keys_index_bytes_log2);
  const auto kind = LoadAt<uint8_t>(keys, layout.dict_keys_kind);
  if (!log2_bytes || !kind || *log2_bytes > 40 || *kind > 1) {
    return std::nullopt;
  }
  table.index_bytes = uint64_t{1} << *log2_bytes;
  if (*kind == 1) {
    table.entry_bytes = 16;
    table.key_offset = 0;
  }
  return table;
}

}  // namespace

std::vector<DictEntry> ReadDictEntries(const core::MemorySource& memory,
                                       const core::ObjectLayout& layout,
                                       uint64_t dict_address,
                                       size_t max_entries) {
  std::array<std::byte, 48> dict;
  std::array<std::byte, 40> keys;
  if (!ReadAll(memory, dict_address, dict)) return {};
  const auto keys_address = LoadAt<uint64_t>(dict, layout.dict_ma_keys);
  const auto values = LoadAt<uint64_t>(dict, layout.dict_ma_values);
  if (!keys_address || !values || *values != 0 ||
      !ReadAll(memory, *keys_address, keys) || layout.dict_keys_indices < 0) {
    return {};
  }
  const auto table = ParseKeys(keys, layout);
  if (!table) return {};
  const auto count =
      static_cast<size_t>(std::min<uint64_t>(table->entries, max_entries));
  std::vector<std::byte> bytes(count * table->entry_bytes);
  const uint64_t first = *keys_address +
                         static_cast<uint64_t>(layout.dict_keys_indices) +
                         table->index_bytes;
  // A short read gives the entries that were there.
  const size_t read = PlausibleAddress(first) ? memory.Read(first, bytes) : 0;
  std::vector<DictEntry> entries;
  for (size_t at = 0; at + table->entry_bytes <= read;
       at += table->entry_bytes) {
    const std::byte* key = bytes.data() + at + table->key_offset;
    const DictEntry entry{Load<uint64_t>(key), Load<uint64_t>(key + 8)};
    if (entry.key != 0 && entry.value != 0) entries.push_back(entry);
  }
  return entries;
}

uint64_t DictKeysBytes(std::span<const std::byte> keys,
                       const core::ObjectLayout& layout) {
  constexpr uint64_t kMostSlots = uint64_t{1} << 40;
  uint64_t slots = 0, index_bytes = 0, entry_bytes = 24;
  if (layout.dict_keys_log2) {
    const auto log2 = LoadAt<uint8_t>(keys, layout.dict_keys_size);
    const auto index_log2 =
        LoadAt<uint8_t>(keys, layout.dict_keys_index_bytes_log2);
    const auto kind = LoadAt<uint8_t>(keys, layout.dict_keys_kind);
    if (!log2 || !index_log2 || !kind || *log2 > 40 || *index_log2 > 43 ||
        *kind > 2) {
      return 0;
    }
    slots = uint64_t{1} << *log2;
    index_bytes = uint64_t{1} << *index_log2;
    if (*kind != 0) entry_bytes = 16;
  } else {
    slots = LoadAt<uint64_t>(keys, layout.dict_keys_size).value_or(0);
    if (slots == 0 || slots > kMostSlots || (slots & (slots - 1)) != 0) {
      return 0;
    }
    index_bytes = IndexBytes(slots);
  }
  return static_cast<uint64_t>(layout.dict_keys_indices) + index_bytes +
         slots * 2 / 3 * entry_bytes;
}

}  // namespace plimsoll::heap
