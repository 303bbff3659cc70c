#include "agent/heap/census.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/heap/gc_state.h"
#include "agent/heap/pool_scan.h"
#include "agent/heap/type_name.h"
#include "agent/heap/type_table.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

constexpr size_t kSizeClasses = kLargestBlockBytes / kSmallestBlockBytes + 1;
constexpr size_t kObjectHeadBytes = 16;  // ob_refcnt, ob_type

// Counts what the scan finds.
class Tally final : public PoolVisitor {
 public:
  struct Count {
    int64_t objects = 0;
    int64_t bytes = 0;
  };

  Tally(TypeTable& types, std::vector<uint32_t> object_offsets)
      : types_(types), offsets_(std::move(object_offsets)) {}

  void VisitPool(const PoolHeader& header, std::span<const std::byte> pool,
                 const FreeBlocks& free_blocks, bool torn) override;
  void VisitHeader(const PoolHeader& header) override;

  const std::vector<Count>& counts() const { return counts_; }
  // Everything but the types.
  void Fill(core::HeapCensus& census) const;
  bool found_pools() const { return pools_ > 0; }

 private:
  void CountPool(const PoolHeader& header);
  int32_t TypeOf(std::span<const std::byte> block);

  TypeTable& types_;
  const std::vector<uint32_t> offsets_;
  std::vector<Count> counts_;  // by type index
  Count unknown_;
  std::array<core::SizeClass, kSizeClasses> classes_{};
  int64_t pools_ = 0;
  int64_t pools_free_ = 0;
  int64_t blocks_live_ = 0;
  int64_t blocks_examined_ = 0;
};

void Tally::CountPool(const PoolHeader& header) {
  ++pools_;
  core::SizeClass& c = classes_[header.block_bytes / kSmallestBlockBytes];
  c.block_bytes = static_cast<int32_t>(header.block_bytes);
  ++c.pools;
  c.blocks_live += header.live;
  c.blocks_free += header.capacity - header.live;
  blocks_live_ += header.live;
}

void Tally::VisitHeader(const PoolHeader& header) {
  if (header.empty()) {
    ++pools_;
    ++pools_free_;
    return;
  }
  CountPool(header);
}

void Tally::VisitPool(const PoolHeader& header, std::span<const std::byte> pool,
                      const FreeBlocks& free_blocks, bool torn) {
  CountPool(header);
  if (!torn) blocks_examined_ += header.live;
  const uint32_t size = header.block_bytes;
  for (uint32_t i = 0; i < header.carved; ++i) {
    if (free_blocks.Contains(i)) continue;
    const int32_t type =
        TypeOf(pool.subspan(kPoolHeaderBytes + i * size, size));
    if (type == TypeTable::kNotAType) {
      ++unknown_.objects;
      unknown_.bytes += size;
      continue;
    }
    if (counts_.size() <= static_cast<size_t>(type)) {
      counts_.resize(types_.size());
    }
    ++counts_[type].objects;
    counts_[type].bytes += size;
  }
}

int32_t Tally::TypeOf(std::span<const std::byte> block) {
  for (const uint32_t offset : offsets_) {
    if (offset + kObjectHeadBytes > block.size()) continue;
    const auto refcount = Load<uint64_t>(block.data() + offset);
    const auto type = Load<uint64_t>(block.data() + offset + 8);
    if (!IsLiveRefcount(refcount) || type % 8 != 0 || !PlausibleAddress(type)) {
      continue;
    }
    const int32_t index = types_.Find(type);
    if (index != TypeTable::kNotAType) return index;
  }
  return TypeTable::kNotAType;
}

void Tally::Fill(core::HeapCensus& census) const {
  census.unknown_blocks = unknown_.objects;
  census.unknown_bytes = unknown_.bytes;
  census.pools_free = pools_free_;
  for (const core::SizeClass& c : classes_) {
    if (c.pools > 0) census.size_classes.push_back(c);
  }
  census.coverage.seen = blocks_examined_;
  census.coverage.total = blocks_live_;
}

// One row per name; rows past `max_types` are summed.
void FillTypes(const core::MemorySource& memory,
               const core::ObjectLayout& layout, const TypeTable& types,
               const std::vector<Tally::Count>& counts, int32_t max_types,
               core::HeapCensus& census) {
  TypeNamer namer(memory, layout);
  absl::flat_hash_map<std::string, size_t> row_of_name;
  std::vector<int64_t> most;  // objects of the row's type_address
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].objects == 0) continue;
    const TypeObject& type = types.type(static_cast<int32_t>(i));
    std::string name = namer.NameOf(type);
    const auto [it, is_new] =
        row_of_name.try_emplace(name, census.types.size());
    if (is_new) {
      census.types.push_back({.type = std::move(name)});
      most.push_back(0);
    }
    core::TypeCount& row = census.types[it->second];
    row.objects += counts[i].objects;
    row.bytes += counts[i].bytes;
    if (counts[i].objects > most[it->second]) {
      most[it->second] = counts[i].objects;
      row.type_address = type.address;
    }
  }
  std::sort(census.types.begin(), census.types.end(),
            [](const core::TypeCount& a, const core::TypeCount& b) {
              return a.bytes != b.bytes ? a.bytes > b.bytes : a.type < b.type;
            });
  if (max_types <= 0) return;
  const auto keep = static_cast<size_t>(max_types);
  for (size_t i = keep; i < census.types.size(); ++i) {
    ++census.other_types;
    census.other_objects += census.types[i].objects;
    census.other_bytes += census.types[i].bytes;
  }
  if (census.types.size() > keep) census.types.resize(keep);
}

bool LayoutIsUsable(const core::PythonProcess& python) {
  const core::ObjectLayout& o = python.objects;
  return (o.pool_bytes == 4096 || o.pool_bytes == 16384) &&
         o.arena_bytes >= o.pool_bytes && !o.object_offsets.empty() &&
         o.object_offsets.size() <= 8 &&
         *std::max_element(o.object_offsets.begin(), o.object_offsets.end()) <=
             kLargestBlockBytes &&
         python.type_type_address != 0;
}

}  // namespace

std::vector<AddressRange> PoolRanges(
    const std::vector<core::Mapping>& mappings) {
  std::vector<AddressRange> ranges;
  for (const core::Mapping& m : mappings) {
    if (m.readable && m.writable && !m.shared && m.inode == 0 &&
        m.start < m.end && m.end <= kHighestAddress &&
        (m.path.empty() || m.path == "[heap]" ||
         m.path.starts_with("[anon:"))) {
      ranges.push_back({m.start, m.end});
    }
  }
  return ranges;
}

absl::StatusOr<core::HeapCensus> TakeCensus(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const core::PythonProcess& python, const core::CensusOptions& options) {
  return TakeCensus(memory, mappings, PoolRanges(mappings), python, options);
}

absl::StatusOr<core::HeapCensus> TakeCensus(
    const core::MemorySource& memory,
    const std::vector<core::Mapping>& mappings,
    const std::vector<AddressRange>& ranges, const core::PythonProcess& python,
    const core::CensusOptions& options) {
  if (!LayoutIsUsable(python)) {
    return absl::UnimplementedError(absl::StrCat(
        "the heap layout of this Python is not known, pid ", python.pid));
  }
  TypeTable types(memory, python.objects, python.type_type_address, mappings);
  Tally tally(types, python.objects.object_offsets);
  PoolScan scan(memory, python.objects.pool_bytes, python.objects.arena_bytes,
                tally);
  for (const AddressRange& range : ranges) {
    if (options.headers_only) {
      scan.ScanHeaders(range.start, range.end);
    } else {
      scan.ScanRange(range.start, range.end);
    }
  }
  if (scan.totals().scanned_bytes == 0) {
    return absl::NotFoundError(
        absl::StrCat("no memory could be read of pid ", python.pid));
  }
  if (!tally.found_pools()) {
    return absl::UnimplementedError(
        absl::StrCat("no pymalloc pool in ", scan.totals().scanned_bytes,
                     " bytes read of pid ", python.pid,
                     ": PYTHONMALLOC, or an allocator of its own"));
  }
  core::HeapCensus census;
  tally.Fill(census);
  census.coverage.method = options.headers_only ? "pool headers" : "all pools";
  if (options.headers_only) census.coverage.seen = census.coverage.total;
  census.arenas = scan.totals().arenas;
  census.arena_bytes = census.arenas * python.objects.arena_bytes;
  census.read_faults = scan.totals().read_faults;
  census.scanned_bytes = scan.totals().scanned_bytes;
  census.gc = ReadGcState(memory, python.gc);
  if (!options.headers_only) {
    FillTypes(memory, python.objects, types, tally.counts(), options.max_types,
              census);
  }
  return census;
}

}  // namespace plimsoll::heap
