#include "agent/heap/census.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/heap/chunk_walk.h"
#include "agent/heap/gc_state.h"
#include "agent/heap/pool_scan.h"
#include "agent/heap/reached_objects.h"
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
    // Types of one name: their variances add up.
    row.standard_error =
        std::sqrt(row.standard_error * row.standard_error + tally.variance(i));
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

// Of each size class, however few a sample has.
constexpr int64_t kLeastPools = 30;

// One look at the whole.
class Look {
 public:
  Look(const core::MemorySource& memory,
       const std::vector<core::Mapping>& mappings, const RangeSet& readable,
       const core::PythonProcess& python, const RequestRules& rules,
       const core::CensusOptions& options)
      : memory_(memory),
        python_(python),
        rules_(rules),
        options_(options),
        readable_(readable),
        extents_(PoolRanges(mappings)),
        types_(memory, python, mappings),
        sizes_(python.objects.pool_bytes),
        owned_(memory, python, rules, extents_, readable_, sizes_),
        tally_(types_, owned_, sizes_, python, rules, readable_),
        scan_(memory, python.objects.pool_bytes, python.objects.arena_bytes,
              extents_, tally_, tally_),
        walk_(memory, readable_, tally_),
        reached_(memory, python, rules_, readable_, sizes_, types_, tally_) {
    std::vector<AddressRange> heaps = MallocHeaps(memory, mappings, readable_);
    if (!options.headers_only) {
      owned_.set_chunks_walked(true);
      for (const AddressRange& heap : heaps) walk_.Walk(heap);
      owned_.set_chunks_walked(walk_.chunks() != 0);
      // Not glibc's: pools may lie there as well as anywhere.
      if (walk_.chunks() == 0) heaps.clear();
    }
    const RangeSet rest = readable_.Without(RangeSet(std::move(heaps)));
    sampled_ = !options.headers_only && options.max_scan_bytes > 0 &&
               rest.bytes() > static_cast<uint64_t>(options.max_scan_bytes);
    for (const AddressRange& range : rest.ranges()) {
      if (options.headers_only) {
        scan_.ScanHeaders(range.start, range.end);
      } else if (sampled_) {
        scan_.ScanHeads(range.start, range.end);
      } else {
        scan_.ScanRange(range.start, range.end);
      }
    }
    if (sampled_) Sample();
    if (rules_.pools && !options.headers_only && !sampled_ &&
        walk_.chunks() == 0) {
      reached_.Walk();
    }
    tally_.Finish();
  }

  int64_t scanned_bytes() const {
    return scan_.totals().scanned_bytes + walk_.read_bytes();
  }
  bool found_pools() const { return tally_.found_pools(); }
  bool found_objects() const { return tally_.found_objects(); }
  core::HeapCensus Result() const;

 private:
  void Sample();
  std::string Method() const;

  const core::MemorySource& memory_;
  const core::PythonProcess& python_;
  const RequestRules rules_;
  const core::CensusOptions& options_;
  const RangeSet& readable_;
  const RangeSet extents_;
  TypeTable types_;
  BlockSizes sizes_;
  OwnedBytes owned_;
  Tally tally_;
  PoolScan scan_;
  ChunkWalk walk_;
  ReachedObjects reached_;
  bool sampled_ = false;
};

// Draws from each size class, without replacement (selection sampling: Knuth,
// The Art of Computer Programming, 3.4.2, algorithm S), the same share of its
// pools, but some of each.
void Look::Sample() {
  struct Draw {
    int64_t left = 0, wanted = 0;
    double weight = 1;
  };
  int64_t pools = 0;
  for (uint32_t b = 0; b <= kLargestBlockBytes; b += kSmallestBlockBytes) {
    pools += tally_.size_class(b).pools;
  }
  const double share = static_cast<double>(options_.max_scan_bytes) /
                       (static_cast<double>(std::max<int64_t>(1, pools)) *
                        python_.objects.pool_bytes);
  std::vector<std::vector<uint64_t>> drawn(
      kLargestBlockBytes / kSmallestBlockBytes + 1);
  std::vector<Draw> draws(drawn.size());
  for (size_t i = 0; i < draws.size(); ++i) {
    const int64_t all =
        tally_.size_class(static_cast<uint32_t>(i) * kSmallestBlockBytes).pools;
    const auto wanted = static_cast<int64_t>(
        std::ceil(std::min(1.0, share) * static_cast<double>(all)));
    draws[i].left = all;
    draws[i].wanted = std::min(all, std::max(wanted, kLeastPools));
    if (draws[i].wanted > 0) {
      draws[i].weight =
          static_cast<double>(all) / static_cast<double>(draws[i].wanted);
    }
  }
  std::mt19937_64 random(options_.seed);
  sizes_.ForEach([&](uint64_t pool, uint32_t block_bytes) {
    const size_t i = block_bytes / kSmallestBlockBytes;
    Draw& draw = draws[i];
    if (draw.left <= 0) return;
    std::uniform_int_distribution<int64_t> among(0, draw.left - 1);
    if (among(random) < draw.wanted) {
      --draw.wanted;
      drawn[i].push_back(pool);
    }
    --draw.left;
  });
  tally_.BeginSample();
  for (size_t i = 0; i < drawn.size(); ++i) {
    tally_.set_weight(draws[i].weight);
    scan_.ScanPools(drawn[i]);
  }
}

std::string Look::Method() const {
  if (options_.headers_only) return "pool headers";
  if (sampled_) {
    return "a random sample of pools; all pool headers, chunks of malloc";
  }
  if (!rules_.pools) return "chunks of malloc (PYTHONMALLOC=malloc)";
  if (tally_.found_chunks()) return "all pools, chunks of malloc";
  return absl::StrCat(
      "all pools; objects over 512 bytes where the collector's ",
      "lists, or tracked lists, tuples and dicts, lead to them",
      reached_.complete() ? "" : " (not followed to the end)",
      ", as malloc is not glibc's");
}

core::HeapCensus Look::Result() const {
  core::HeapCensus census;
  tally_.Fill(census);
  census.coverage.method = Method();
  if (options_.headers_only) census.coverage.seen = census.coverage.total;
  census.malloc.lost_bytes = walk_.lost_bytes();
  census.resident_bytes = static_cast<int64_t>(readable_.bytes());
  census.arenas = scan_.totals().arenas;
  census.arena_bytes = census.arenas * python_.objects.arena_bytes;
  census.read_faults = scan_.totals().read_faults;
  census.scanned_bytes = scanned_bytes();
  census.gc = ReadGcState(memory_, python_.gc);
  if (!options_.headers_only) {
    FillTypes(memory_, python_.objects, types_, tally_, options_.max_types,
              census);
  }
  return census;
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
  const RangeSet readable(ranges);
  const bool pools = !python.allocator.starts_with("malloc");
  const Look look(memory, mappings, readable, python, RulesOf(python, pools),
                  options);
  if (look.scanned_bytes() == 0) {
    return absl::NotFoundError(
        absl::StrCat("no memory could be read of pid ", python.pid));
  }
  if (look.found_pools() || (!pools && look.found_objects())) {
    return look.Result();
  }
  // Debug hooks do not tell what is below them.
  if (pools && !options.headers_only) {
    const Look without_pools(memory, mappings, readable, python,
                             RulesOf(python, false), options);
    if (without_pools.found_objects()) return without_pools.Result();
  }
  return absl::UnimplementedError(
      absl::StrCat("no pymalloc pool in ", look.scanned_bytes(),
                   " bytes read of pid ", python.pid,
                   ", nor objects in chunks of glibc's malloc: an allocator of "
                   "its own"));
}

}  // namespace plimsoll::heap
