#include "agent/heap/owned_bytes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "agent/heap/dict_entries.h"
#include "agent/heap/pool.h"
#include "agent/heap/read_scattered.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// PyListObject, PySetObject, PyByteArrayObject, dequeobject, arrayobject: the
// same offsets in 3.7-3.15.
constexpr int64_t kVarSize = 16;
constexpr int64_t kDictUsed = 16;
constexpr int64_t kListItems = 24, kListAllocated = 32;
constexpr int64_t kSetMask = 32, kSetTable = 40;
constexpr uint64_t kSetSmallTable = 64, kSetEntryBytes = 16;
constexpr int64_t kByteArrayAlloc = 24, kByteArrayBytes = 32;
// From 3.15: ob_bytes_object, a PyBytesObject whose ob_sval is the buffer.
constexpr int kMinorOfInnerBytes = 15;
constexpr int64_t kByteArrayObject = 56;
constexpr uint64_t kBytesHead = 32, kBytesExtra = kBytesHead + 1;
constexpr int64_t kDequeLeftIndex = 40;
constexpr uint64_t kDequeItems = 64, kDequeBlockBytes = (kDequeItems + 2) * 8;
constexpr int64_t kArrayItems = 24;

constexpr uint32_t kTextCompact = 1 << 5, kTextAscii = 1 << 6;
constexpr uint64_t kWideBytes = 4;  // wchar_t

// The chunk's size word and the head of a keys object.
constexpr size_t kKeysHeadBytes = 40;
constexpr size_t kChunkReadBytes = 8 + kKeysHeadBytes;
constexpr uint64_t kLargestValues = 64 << 10;

}  // namespace

OwnedBytes::OwnedBytes(const core::MemorySource& memory,
                       const core::PythonProcess& python,
                       const RequestRules& rules, const RangeSet& extents,
                       const RangeSet& readable, BlockSizes& sizes)
    : memory_(memory),
      layout_(python.objects),
      minor_(python.build.version.minor),
      rules_(rules),
      extents_(extents),
      extents_bytes_(extents.bytes()),
      readable_(readable),
      sizes_(sizes) {
  waiting_.reserve(kMostWaiting);
}

void OwnedBytes::Count(uint8_t owns, int32_t type, const ObjectCopy& object) {
  if (owns & kOwnsKeys) CountKeys(type, object);
  if (owns & kOwnsText) CountText(type, object);
  if (owns & kOwnsItems) {
    const auto items = LoadAt<uint64_t>(object.bytes, kListItems);
    const auto allocated = LoadAt<uint64_t>(object.bytes, kListAllocated);
    if (items && allocated && *items != 0 && *allocated != 0) {
      AddRequest(type, *items, *allocated * 8);
    }
  }
  if (owns & kOwnsTable) CountTable(type, object);
  if (owns & kOwnsBuffer) CountBuffer(type, object);
  if (owns & kOwnsBlocks) CountBlocks(type, object);
  if (owns & kOwnsArray) {
    const auto items = LoadAt<uint64_t>(object.bytes, kArrayItems);
    const auto allocated = LoadAt<uint64_t>(object.bytes, kListAllocated);
    if (items && allocated && *items != 0 && *allocated != 0) {
      AddPointer(type, *items, What::kArray, *allocated);
    }
  }
  if (owns & kOwnsValues) CountValues(type, object);
}

void OwnedBytes::CountKeys(int32_t type, const ObjectCopy& object) {
  const auto keys = LoadAt<uint64_t>(object.bytes, layout_.dict_ma_keys);
  const auto values = LoadAt<uint64_t>(object.bytes, layout_.dict_ma_values);
  if (!keys || !values || *keys == 0) return;
  if (*values == 0) {
    AddPointer(type, *keys, What::kKeys);
  } else if (minor_ <= 12) {
    // The values of an empty dict are static up to 3.10.
    const auto used = LoadAt<uint64_t>(object.bytes, kDictUsed);
    if (!rules_.pools && used == uint64_t{0}) return;
    AddPointer(type, *values, What::kValues);
  }
}

void OwnedBytes::CountTable(int32_t type, const ObjectCopy& object) {
  const auto mask = LoadAt<uint64_t>(object.bytes, kSetMask);
  const auto table = LoadAt<uint64_t>(object.bytes, kSetTable);
  if (!mask || !table || *table == 0 ||
      *table == object.address + kSetSmallTable) {
    return;
  }
  // One less than a power of two.
  if (*mask > kMostRequestBytes || (*mask & (*mask + 1)) != 0) {
    ++totals_.implausible;
    return;
  }
  AddRequest(type, *table, (*mask + 1) * kSetEntryBytes);
}

void OwnedBytes::CountBuffer(int32_t type, const ObjectCopy& object) {
  const auto alloc = LoadAt<uint64_t>(object.bytes, kByteArrayAlloc);
  const auto bytes = LoadAt<uint64_t>(object.bytes, kByteArrayBytes);
  if (!alloc || !bytes || *alloc == 0 || *bytes == 0) return;
  if (minor_ < kMinorOfInnerBytes) {
    AddRequest(type, *bytes, *alloc);
    return;
  }
  const auto inner = LoadAt<uint64_t>(object.bytes, kByteArrayObject);
  // Between two of its words the target may have replaced it.
  if (!inner || *inner + kBytesHead != *bytes) return;
  AddRequest(type, *inner,
             *alloc > kMostRequestBytes ? *alloc : *alloc + kBytesExtra,
             What::kInnerBytes);
}

// PyASCIIObject {wstr up to 3.11}, PyCompactUnicodeObject {utf8_length, utf8,
// wstr_length up to 3.11}, PyUnicodeObject {data}.
void OwnedBytes::CountText(int32_t type, const ObjectCopy& object) {
  const auto state = LoadAt<uint32_t>(object.bytes, layout_.unicode_state);
  const int32_t compact = layout_.unicode_ascii_data;
  const bool has_wide = compact == 48;
  if (!state) return;
  const bool is_compact = *state & kTextCompact;
  const bool is_ascii = *state & kTextAscii;
  // By far the most: ASCII in one piece, with nothing beside it.
  if (is_compact && is_ascii && !has_wide) return;
  const auto word = [&](int64_t at) {
    return LoadAt<uint64_t>(object.bytes, at).value_or(0);
  };
  const uint64_t length = word(layout_.unicode_length);
  // A copy that is not the text itself.
  uint64_t data = 0;
  const auto add_copy = [&](uint64_t at, uint64_t characters, uint64_t bytes) {
    if (at == 0 || at == data || characters > kMostRequestBytes ||
        at - object.address < object.bytes.size()) {
      return;
    }
    AddRequest(type, at, (characters + 1) * bytes);
  };
  if (is_compact && is_ascii) {
    add_copy(word(compact - 8), length, kWideBytes);
    return;
  }
  if (!is_compact) {
    const uint64_t kind = *state >> 2 & 7;
    const uint64_t at = word(compact + (has_wide ? 24 : 16));
    if (kind != 0) add_copy(at, length, kind);
    data = at;
  }
  add_copy(word(compact + 8), word(compact), 1);
  if (has_wide) add_copy(word(compact - 8), word(compact + 16), kWideBytes);
}

void OwnedBytes::CountBlocks(int32_t type, const ObjectCopy& object) {
  const auto size = LoadAt<uint64_t>(object.bytes, kVarSize);
  const auto left = LoadAt<uint64_t>(object.bytes, kDequeLeftIndex);
  if (!size || !left || *left >= kDequeItems) return;
  if (*size > kMostRequestBytes / kDequeBlockBytes) {
    ++totals_.implausible;
    return;
  }
  const uint64_t blocks =
      std::max<uint64_t>(1, (*left + *size + kDequeItems - 1) / kDequeItems);
  const uint64_t bytes =
      blocks * ChunkBytesFor(kDequeBlockBytes + rules_.large_extra);
  AddChunks(type, bytes, blocks);
}

void OwnedBytes::CountValues(int32_t type, const ObjectCopy& object) {
  // 3.11: values at -4 words, dict at -3; 3.12: either at -3 words, the values
  // less one byte.
  const size_t back = minor_ == 11 ? 32 : 24;
  if (object.before.size() < back) return;
  auto values =
      Load<uint64_t>(object.before.data() + object.before.size() - back);
  if (minor_ == 12) {
    if (!(values & 1)) return;
    ++values;
  }
  if (values != 0) AddPointer(type, values, What::kValues);
}

void OwnedBytes::AddRequest(int32_t type, uint64_t address, uint64_t request,
                            What what) {
  if (request > kMostRequestBytes || !PlausibleAddress(address)) {
    ++totals_.implausible;
    return;
  }
  if (IsSmall(rules_, request)) {
    const auto block = static_cast<uint32_t>(BlockBytesFor(rules_, request));
    if (what == What::kInnerBytes) {
      AddInner(type, block);
    } else {
      AddBlock(type, block);
    }
    return;
  }
  if (!extents_.ContainsAll(address, request)) {
    ++totals_.implausible;
    return;
  }
  Wait({address, request, type, what, static_cast<float>(weight_)});
}

void OwnedBytes::AddPointer(int32_t type, uint64_t address, What what,
                            uint64_t least) {
  if (!PlausibleAddress(address)) {
    ++totals_.implausible;
    return;
  }
  const uint32_t block = sizes_.At(address);
  if (block != BlockSizes::kUnknown && block != BlockSizes::kNoPool) {
    AddBlock(type, block);
    return;
  }
  Wait({address, least, type, what, static_cast<float>(weight_)});
}

void OwnedBytes::AddBlock(int32_t type, uint32_t block_bytes) {
  totals_.pool_blocks += weight_;
  totals_.pool_bytes += Charge(type, block_bytes);
}

void OwnedBytes::AddInner(int32_t type, uint64_t bytes) {
  inner_.objects += weight_;
  inner_.bytes += Charge(type, bytes);
}

void OwnedBytes::AddChunks(int32_t type, uint64_t bytes, uint64_t chunks) {
  // Chunks do not overlap: all of them fit, or some are made up. What a sample
  // stands for may be off.
  const auto room =
      static_cast<double>(extents_bytes_) * (weight_ == 1 ? 1 : 2) -
      static_cast<double>(totals_.chunk_bytes);
  if (static_cast<double>(bytes) * weight_ > room) {
    ++totals_.implausible;
    return;
  }
  totals_.chunks += static_cast<double>(chunks) * weight_;
  totals_.chunk_bytes += Charge(type, bytes);
}

int64_t OwnedBytes::Charge(int32_t type, uint64_t bytes) {
  const auto index = static_cast<size_t>(type);
  if (index >= bytes_.size()) bytes_.resize(index + 64);
  const int64_t charged =
      weight_ == 1 ? static_cast<int64_t>(bytes)
                   : std::llround(static_cast<double>(bytes) * weight_);
  bytes_[index] += charged;
  return charged;
}

void OwnedBytes::Wait(const Waiting& waiting) {
  waiting_.push_back(waiting);
  if (waiting_.size() >= kMostWaiting) Settle();
}

void OwnedBytes::Settle() {
  const double weight = weight_;
  if (rules_.pools) LearnPools();
  std::vector<Waiting> chunks;
  for (const Waiting& w : waiting_) {
    weight_ = w.weight;
    const bool by_pointer = IsByPointer(w.what);
    const uint32_t block = by_pointer ? sizes_.At(w.address) : 0;
    if (block != BlockSizes::kUnknown && block != BlockSizes::kNoPool) {
      AddBlock(w.type, block);
    } else if (readable_.Contains(w.address - 8 - rules_.large_before)) {
      chunks.push_back(w);
    } else if (!by_pointer) {
      AddChunks(w.type, ChunkBytesFor(w.least + rules_.large_extra), 1);
    }
    // Else a static table, or memory that is not there.
  }
  waiting_.clear();
  ReadChunks(chunks);
  weight_ = weight;
}

// Reads the headers of the pools that are not known yet.
void OwnedBytes::LearnPools() {
  std::vector<uint64_t> pools;
  for (const Waiting& w : waiting_) {
    if (IsByPointer(w.what) && sizes_.At(w.address) == BlockSizes::kUnknown &&
        readable_.Contains(sizes_.PoolOf(w.address))) {
      pools.push_back(sizes_.PoolOf(w.address));
    }
  }
  std::sort(pools.begin(), pools.end());
  pools.erase(std::unique(pools.begin(), pools.end()), pools.end());
  ReadScattered(
      memory_, pools, kPoolHeaderBytes, failures_left_,
      [this](uint64_t pool, std::span<const std::byte> bytes) {
        const auto header = ParsePoolHeader(bytes, pool, layout_.pool_bytes);
        sizes_.Set(pool, header ? header->block_bytes : BlockSizes::kNoPool);
      });
}

void OwnedBytes::ReadChunks(std::vector<Waiting>& chunks) {
  std::sort(chunks.begin(), chunks.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  std::vector<uint64_t> heads;
  heads.reserve(chunks.size());
  for (const Waiting& w : chunks) {
    heads.push_back(w.address - 8 - rules_.large_before);
  }
  size_t next = 0;
  const size_t read_bytes = kChunkReadBytes + rules_.large_before;
  const size_t done = ReadScattered(
      memory_, heads, read_bytes, failures_left_,
      [&](uint64_t head, std::span<const std::byte> bytes) {
        while (heads[next] != head) ++next;  // could not be read
        const Waiting& w = chunks[next++];
        weight_ = w.weight;
        const auto word = Load<uint64_t>(bytes.data());
        const uint64_t request = RequestOf(w, bytes);
        if (request == 0) return;
        if (!extents_.ContainsAll(w.address, request)) {
          ++totals_.implausible;
          return;
        }
        const uint64_t least = request + rules_.large_extra;
        const auto chunk = ChunkThatHolds(word, least);
        if (chunk && w.what == What::kInnerBytes && IsCounted(word) &&
            LoadAt<uint64_t>(bytes.subspan(8 + rules_.large_before),
                             kVarSize) == request - kBytesExtra) {
          AddInner(w.type, *chunk);
          return;
        }
        AddChunks(w.type, chunk.value_or(ChunkBytesFor(least)), 1);
      });
  totals_.implausible += static_cast<int64_t>(chunks.size() - done);
}

uint64_t OwnedBytes::RequestOf(const Waiting& waiting,
                               std::span<const std::byte> bytes) const {
  const auto word = Load<uint64_t>(bytes.data());
  const uint64_t chunk = word & ~kChunkFlags;
  switch (waiting.what) {
    case What::kRequest:
    case What::kInnerBytes:
      return waiting.least;
    case What::kKeys:
      return DictKeysBytes(bytes.subspan(8 + rules_.large_before), layout_);
    case What::kValues:
      // Those of an empty dict are static: the word before is anything.
      return chunk % 16 == 0 && chunk < kLargestValues &&
                     chunk > (rules_.pools ? kLargestBlockBytes
                                           : 8 + rules_.large_extra)
                 ? chunk - 8 - rules_.large_extra
                 : 0;
    case What::kArray:
      for (uint64_t item = 1; item <= 8; item *= 2) {
        const uint64_t request = waiting.least * item;
        if (waiting.least <= kMostRequestBytes &&
            ChunkThatHolds(word, request + rules_.large_extra)) {
          return request;
        }
      }
      return 0;
  }
  return 0;
}

}  // namespace plimsoll::heap
