#include "agent/inspector/census_codec.h"

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::inspector {
namespace {

constexpr int64_t kMostCount = int64_t{1} << 62;
constexpr size_t kMostMessageText = 1024;

bool AreCounts(std::initializer_list<int64_t> values) {
  for (const int64_t value : values) {
    if (value < 0 || value > kMostCount) return false;
  }
  return true;
}

absl::Status NoCount(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what) +
                                    " holds a count that makes no sense");
}

void EncodeMalloc(const core::MallocUse& use, v1::HeapCensus::MallocUse& out) {
  out.set_live_chunks(use.live_chunks);
  out.set_live_bytes(use.live_bytes);
  out.set_free_bytes(use.free_bytes);
  out.set_objects(use.objects);
  out.set_object_bytes(use.object_bytes);
  out.set_buffer_bytes(use.buffer_bytes);
  out.set_lost_bytes(use.lost_bytes);
}

core::MallocUse DecodeMalloc(const v1::HeapCensus::MallocUse& in) {
  return {.live_chunks = in.live_chunks(),
          .live_bytes = in.live_bytes(),
          .free_bytes = in.free_bytes(),
          .objects = in.objects(),
          .object_bytes = in.object_bytes(),
          .buffer_bytes = in.buffer_bytes(),
          .lost_bytes = in.lost_bytes()};
}

void EncodeGc(const core::GcState& gc, v1::HeapCensus& out) {
  for (const core::GcGeneration& g : gc.generations) {
    auto& generation = *out.add_generations();
    generation.set_collections(g.collections);
    generation.set_collected(g.collected);
    generation.set_uncollectable(g.uncollectable);
  }
  if (gc.enabled) out.set_gc_enabled(*gc.enabled);
  for (const int64_t t : gc.thresholds) out.add_gc_thresholds(t);
  if (gc.frozen_objects) out.set_gc_frozen_objects(*gc.frozen_objects);
  if (gc.long_lived) {
    out.set_gc_long_lived_total(gc.long_lived->total);
    out.set_gc_long_lived_pending(gc.long_lived->pending);
  }
}

absl::StatusOr<core::GcState> DecodeGc(const v1::HeapCensus& in) {
  core::GcState gc;
  for (const auto& g : in.generations()) {
    if (!AreCounts({g.collections(), g.collected(), g.uncollectable()})) {
      return NoCount("a generation");
    }
    gc.generations.push_back(
        {g.collections(), g.collected(), g.uncollectable()});
  }
  if (in.has_gc_enabled()) gc.enabled = in.gc_enabled();
  for (const int64_t threshold : in.gc_thresholds()) {
    if (!AreCounts({threshold})) return NoCount("a threshold");
    gc.thresholds.push_back(threshold);
  }
  if (!AreCounts({in.gc_frozen_objects(), in.gc_long_lived_total(),
                  in.gc_long_lived_pending()})) {
    return NoCount("the collector's state");
  }
  if (in.has_gc_frozen_objects()) gc.frozen_objects = in.gc_frozen_objects();
  if (in.has_gc_long_lived_total() && in.has_gc_long_lived_pending()) {
    gc.long_lived = {.total = in.gc_long_lived_total(),
                     .pending = in.gc_long_lived_pending()};
  }
  return gc;
}

bool AreCounts(const core::MallocUse& use) {
  return AreCounts({use.live_chunks, use.live_bytes, use.free_bytes,
                    use.objects, use.object_bytes, use.buffer_bytes,
                    use.lost_bytes});
}

}  // namespace

void EncodeCensus(const core::HeapCensus& census, v1::HeapCensus& out) {
  for (const core::TypeCount& t : census.types) {
    auto& type = *out.add_types();
    type.set_name(t.type);
    type.set_address(t.type_address);
    type.set_objects(t.objects);
    type.set_bytes(t.bytes);
    type.set_standard_error(t.standard_error);
  }
  out.set_other_types(census.other_types);
  out.set_other_objects(census.other_objects);
  out.set_other_bytes(census.other_bytes);
  out.set_unknown_blocks(census.unknown_blocks);
  out.set_unknown_bytes(census.unknown_bytes);
  out.set_implausible_claims(census.implausible_claims);
  for (const core::SizeClass& c : census.size_classes) {
    auto& size_class = *out.add_size_classes();
    size_class.set_block_bytes(c.block_bytes);
    size_class.set_pools(c.pools);
    size_class.set_blocks_live(c.blocks_live);
    size_class.set_blocks_free(c.blocks_free);
  }
  EncodeMalloc(census.malloc, *out.mutable_malloc());
  out.set_resident_bytes(census.resident_bytes);
  out.set_arenas(census.arenas);
  out.set_arena_bytes(census.arena_bytes);
  out.set_pools_free(census.pools_free);
  out.set_read_faults(census.read_faults);
  out.set_scanned_bytes(census.scanned_bytes);
  out.set_duration_ns(census.duration_ns);
  out.set_coverage_seen(census.coverage.seen);
  out.set_coverage_total(census.coverage.total);
  out.set_coverage_sampled(census.coverage.sampled);
  out.set_coverage_standard_error(census.coverage.standard_error);
  out.set_coverage_method(census.coverage.method);
  EncodeGc(census.gc, out);
}

absl::StatusOr<core::HeapCensus> DecodeCensus(const v1::HeapCensus& in) {
  if (!AreCounts({in.other_types(), in.other_objects(), in.other_bytes(),
                  in.unknown_blocks(), in.unknown_bytes(),
                  in.implausible_claims(), in.resident_bytes(), in.arenas(),
                  in.arena_bytes(), in.pools_free(), in.read_faults(),
                  in.scanned_bytes(), in.duration_ns(), in.coverage_seen(),
                  in.coverage_total()}) ||
      !std::isfinite(in.coverage_standard_error())) {
    return NoCount("the census");
  }
  core::HeapCensus census;
  for (const auto& t : in.types()) {
    if (!AreCounts({t.objects(), t.bytes()}) ||
        !std::isfinite(t.standard_error())) {
      return NoCount("a type");
    }
    census.types.push_back(
        {t.name(), t.address(), t.objects(), t.bytes(), t.standard_error()});
  }
  for (const auto& c : in.size_classes()) {
    if (!AreCounts(
            {c.block_bytes(), c.pools(), c.blocks_live(), c.blocks_free()})) {
      return NoCount("a size class");
    }
    census.size_classes.push_back(
        {c.block_bytes(), c.pools(), c.blocks_live(), c.blocks_free()});
  }
  PLIMSOLL_ASSIGN_OR_RETURN(census.gc, DecodeGc(in));
  census.other_types = in.other_types();
  census.other_objects = in.other_objects();
  census.other_bytes = in.other_bytes();
  census.unknown_blocks = in.unknown_blocks();
  census.unknown_bytes = in.unknown_bytes();
  census.implausible_claims = in.implausible_claims();
  census.malloc = DecodeMalloc(in.malloc());
  census.resident_bytes = in.resident_bytes();
  if (!AreCounts(census.malloc)) return NoCount("malloc's use");
  census.arenas = in.arenas();
  census.arena_bytes = in.arena_bytes();
  census.pools_free = in.pools_free();
  census.read_faults = in.read_faults();
  census.scanned_bytes = in.scanned_bytes();
  census.duration_ns = in.duration_ns();
  census.coverage = {.seen = in.coverage_seen(),
                     .total = in.coverage_total(),
                     .sampled = in.coverage_sampled(),
                     .standard_error = in.coverage_standard_error(),
                     .method = in.coverage_method()};
  return census;
}

void EncodeFrames(const std::vector<core::Frame>& frames, v1::Frames& out) {
  for (const core::Frame& f : frames) {
    auto& frame = *out.add_frames();
    frame.set_function(f.function);
    frame.set_file(f.file);
    frame.set_line(f.line);
    frame.set_module(f.module);
    frame.set_native(f.native);
  }
}

std::vector<core::Frame> DecodeFrames(const v1::Frames& in) {
  std::vector<core::Frame> frames;
  frames.reserve(static_cast<size_t>(in.frames_size()));
  for (const auto& f : in.frames()) {
    frames.push_back({.function = f.function(),
                      .file = f.file(),
                      .line = f.line(),
                      .module = f.module(),
                      .native = f.native()});
  }
  return frames;
}

void EncodeStatus(const absl::Status& status, v1::Response& out) {
  out.set_status_code(static_cast<int32_t>(status.code()));
  out.set_status_message(std::string(status.message()));
}

absl::Status DecodeStatus(const v1::Response& in) {
  if (in.status_code() < 0 ||
      in.status_code() > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return absl::DataLossError("a status code that does not exist");
  }
  return absl::Status(static_cast<absl::StatusCode>(in.status_code()),
                      in.status_message().substr(0, kMostMessageText));
}

}  // namespace plimsoll::inspector
