#include "agent/heap/census.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/heap/gc_state.h"
#include "agent/heap/pool_scan.h"
#include "agent/heap/tally.h"
#include "agent/heap/type_name.h"
#include "agent/heap/type_table.h"
#include "agent/heap/words.h"

namespace plimsoll::heap {
namespace {

// One row per name; rows past `max_types` are summed.
void FillTypes(const core::MemorySource& memory,
               const core::ObjectLayout& layout, const TypeTable& types,
               const Tally& tally, int32_t max_types,
               core::HeapCensus& census) {
  TypeNamer namer(memory, layout);
  absl::flat_hash_map<std::string, size_t> row_of_name;
  std::vector<int64_t> most;  // objects of the row's type_address
  for (int32_t i = 0; i < static_cast<int32_t>(types.size()); ++i) {
    const Tally::Count count = tally.count(i);
    if (count.objects == 0) continue;
    const TypeObject& type = types.type(i);
    std::string name = namer.NameOf(type);
    const auto [it, is_new] =
        row_of_name.try_emplace(name, census.types.size());
    if (is_new) {
      census.types.push_back({.type = std::move(name)});
      most.push_back(0);
    }
    core::TypeCount& row = census.types[it->second];
    row.objects += count.objects;
    row.bytes += count.bytes;
    if (count.objects > most[it->second]) {
      most[it->second] = count.objects;
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
  TypeTable types(memory, python, mappings);
  BlockSizes sizes(python.objects.pool_bytes);
  const RangeSet extents(PoolRanges(mappings));
  const RangeSet readable(ranges);
  OwnedBytes owned(memory, python, extents, readable, sizes);
  Tally tally(types, owned, sizes, python.objects.object_offsets);
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
  tally.Finish();
  tally.Fill(census);
  census.coverage.method = options.headers_only ? "pool headers" : "all pools";
  if (options.headers_only) census.coverage.seen = census.coverage.total;
  census.arenas = scan.totals().arenas;
  census.arena_bytes = census.arenas * python.objects.arena_bytes;
  census.read_faults = scan.totals().read_faults;
  census.scanned_bytes = scan.totals().scanned_bytes;
  census.gc = ReadGcState(memory, python.gc);
  if (!options.headers_only) {
    FillTypes(memory, python.objects, types, tally, options.max_types, census);
  }
  return census;
}

}  // namespace plimsoll::heap
