#include "collector/rpc/documents.h"

#include <algorithm>
#include <initializer_list>

#include "collector/core/text/json_writer.h"
#include "collector/rpc/profile_names.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::rpc {
namespace {

constexpr int kMaxGenerations = 8;
constexpr int kMaxSizeClasses = 256;
constexpr int kMaxStacks = 10'000;
constexpr int kMaxFrames = 512;
constexpr int kMaxPaths = 1'000;
constexpr int kMaxTypes = 100'000;
constexpr int kMaxCounts = 100'000;
constexpr int kMaxAttributes = 16;

absl::Status Invalid(const char* what) {
  return absl::InvalidArgumentError(what);
}

absl::Status NonNegative(std::initializer_list<int64_t> values,
                         const char* what) {
  bool ok = std::all_of(values.begin(), values.end(),
                        [](int64_t value) { return value >= 0; });
  return ok ? absl::OkStatus() : Invalid(what);
}

void WriteCoverage(const v1::Coverage& coverage, JsonWriter* json) {
  json->Key("coverage").BeginObject();
  json->Field("method", coverage.method());
  json->Field("seen", coverage.seen()).Field("total", coverage.total());
  json->Field("share", coverage.share()).Field("sampled", coverage.sampled());
  json->Field("standard_error", coverage.standard_error()).EndObject();
}

absl::Status WriteFrames(const v1::Stack& stack, const StringTable& strings,
                         JsonWriter* json) {
  if (stack.frames_size() > kMaxFrames) return Invalid("stack: too deep");
  json->Key("frames").BeginArray();
  for (const v1::Frame& frame : stack.frames()) {
    if (!strings.Has(frame.function_str()) || !strings.Has(frame.file_str()) ||
        !strings.Has(frame.module_str())) {
      return Invalid("frame: string index out of range");
    }
    json->BeginObject()
        .Field("function", strings[frame.function_str()])
        .Field("file", strings[frame.file_str()])
        .Field("line", frame.line())
        .Field("module", strings[frame.module_str()])
        .Field("native", frame.kind() == v1::Frame::KIND_NATIVE)
        .EndObject();
  }
  json->EndArray().Field("truncated", stack.truncated());
  return absl::OkStatus();
}

// Whether what was counted was followed to what stays.
bool IsFollowed(v1::StackProfile::Kind kind) {
  return kind == v1::StackProfile::KIND_BIRTH ||
         kind == v1::StackProfile::KIND_NATIVE;
}

}  // namespace

absl::StatusOr<std::string> MemoryDocument(const v1::MemorySample& memory) {
  PLIMSOLL_RETURN_IF_ERROR(NonNegative(
      {memory.rss_bytes(), memory.anon_bytes(), memory.file_bytes(),
       memory.shmem_bytes(), memory.swap_bytes(), memory.threads(),
       memory.open_fds(), memory.minor_faults(), memory.major_faults()},
      "memory: negative size"));
  JsonWriter json;
  json.BeginObject()
      .Field("rss_bytes", memory.rss_bytes())
      .Field("anon_bytes", memory.anon_bytes())
      .Field("file_bytes", memory.file_bytes())
      .Field("shmem_bytes", memory.shmem_bytes())
      .Field("swap_bytes", memory.swap_bytes())
      .Field("threads", memory.threads())
      .Field("open_fds", memory.open_fds())
      .Field("minor_faults", memory.minor_faults())
      .Field("major_faults", memory.major_faults())
      .Field("exited", memory.exited())
      .Field("oom_killed", memory.oom_killed());
  if (memory.has_cgroup()) {
    const v1::CgroupMemory& cgroup = memory.cgroup();
    PLIMSOLL_RETURN_IF_ERROR(NonNegative(
        {cgroup.current_bytes(), cgroup.limit_bytes(), cgroup.anon_bytes(),
         cgroup.inactive_file_bytes(), cgroup.oom_kills(), cgroup.oom_events(),
         cgroup.peak_bytes()},
        "cgroup: negative size"));
    json.Key("cgroup")
        .BeginObject()
        .Field("path", cgroup.path())
        .Field("version", cgroup.version())
        .Field("current_bytes", cgroup.current_bytes())
        .Field("anon_bytes", cgroup.anon_bytes())
        .Field("inactive_file_bytes", cgroup.inactive_file_bytes())
        .Field("oom_kills", cgroup.oom_kills())
        .Field("oom_events", cgroup.oom_events())
        .Field("peak_bytes", cgroup.peak_bytes());
    if (cgroup.has_limit_bytes()) {
      json.Field("limit_bytes", cgroup.limit_bytes());
    }
    json.EndObject();
  }
  json.Key("coverage").BeginObject().Field("method", "proc").EndObject();
  return json.EndObject().Take();
}

absl::StatusOr<std::string> GcDocument(const v1::GcSample& gc) {
  if (gc.generations_size() > kMaxGenerations ||
      gc.thresholds_size() > kMaxGenerations) {
    return Invalid("gc: too many generations");
  }
  PLIMSOLL_RETURN_IF_ERROR(NonNegative(
      {gc.frozen_objects(), gc.long_lived_objects(), gc.long_lived_pending()},
      "gc: negative count"));
  JsonWriter json;
  json.BeginObject().Field("source", gc.source());
  if (gc.has_enabled()) json.Field("enabled", gc.enabled());
  if (gc.has_frozen_objects()) {
    json.Field("frozen_objects", gc.frozen_objects());
  }
  if (gc.has_long_lived_objects() && gc.has_long_lived_pending()) {
    json.Field("long_lived_objects", gc.long_lived_objects());
    json.Field("long_lived_pending", gc.long_lived_pending());
  }
  json.Key("thresholds").BeginArray();
  for (const int64_t threshold : gc.thresholds()) {
    if (threshold < 0) return Invalid("gc: negative threshold");
    json.Int(threshold);
  }
  json.EndArray().Key("generations").BeginArray();
  for (const v1::GcGeneration& generation : gc.generations()) {
    PLIMSOLL_RETURN_IF_ERROR(
        NonNegative({generation.generation(), generation.collections(),
                     generation.collected(), generation.uncollectable(),
                     generation.pauses(), generation.pause_sum_ns(),
                     generation.pause_max_ns()},
                    "gc generation: negative count"));
    if (generation.pause_log2_ns_counts_size() > 64) {
      return Invalid("gc generation: too many pause buckets");
    }
    json.BeginObject()
        .Field("generation", generation.generation())
        .Field("collections", generation.collections())
        .Field("collected", generation.collected())
        .Field("uncollectable", generation.uncollectable())
        .Field("pauses", generation.pauses())
        .Field("pause_sum_ns", generation.pause_sum_ns())
        .Field("pause_max_ns", generation.pause_max_ns())
        .Key("pause_log2_ns_counts")
        .BeginArray();
    for (int64_t count : generation.pause_log2_ns_counts()) json.Int(count);
    json.EndArray().EndObject();
  }
  json.EndArray();
  json.Key("coverage").BeginObject().Field("method", gc.source()).EndObject();
  return json.EndObject().Take();
}

absl::StatusOr<std::string> PymallocDocument(const v1::PymallocSample& sample) {
  if (sample.size_classes_size() > kMaxSizeClasses) {
    return Invalid("pymalloc: too many size classes");
  }
  PLIMSOLL_RETURN_IF_ERROR(
      NonNegative({sample.arenas(), sample.arena_bytes(), sample.pools_free()},
                  "pymalloc: negative count"));
  JsonWriter json;
  json.BeginObject()
      .Field("arenas", sample.arenas())
      .Field("arena_bytes", sample.arena_bytes())
      .Field("pools_free", sample.pools_free())
      .Key("size_classes")
      .BeginArray();
  for (const v1::SizeClass& size : sample.size_classes()) {
    PLIMSOLL_RETURN_IF_ERROR(
        NonNegative({size.block_bytes(), size.pools(), size.blocks_live(),
                     size.blocks_free()},
                    "size class: negative count"));
    json.BeginObject()
        .Field("block_bytes", size.block_bytes())
        .Field("pools", size.pools())
        .Field("blocks_live", size.blocks_live())
        .Field("blocks_free", size.blocks_free())
        .EndObject();
  }
  json.EndArray();
  WriteCoverage(sample.coverage(), &json);
  return json.EndObject().Take();
}

absl::StatusOr<std::string> CensusDocument(const v1::TypeCensus& census,
                                           const StringTable& strings) {
  if (census.types_size() > kMaxTypes) return Invalid("census: too many types");
  PLIMSOLL_RETURN_IF_ERROR(NonNegative(
      {census.other_objects(), census.other_bytes(), census.other_types(),
       census.unknown_blocks(), census.unknown_bytes(), census.duration_ns(),
       census.implausible_claims()},
      "census: negative count"));
  JsonWriter json;
  json.BeginObject().Key("types").BeginArray();
  for (const v1::TypeCount& type : census.types()) {
    if (!strings.Has(type.type_str())) {
      return Invalid("census: string index out of range");
    }
    PLIMSOLL_RETURN_IF_ERROR(
        NonNegative({type.objects(), type.bytes()}, "type: negative count"));
    json.BeginObject()
        .Field("type", strings[type.type_str()])
        .Field("objects", type.objects())
        .Field("bytes", type.bytes())
        .EndObject();
  }
  json.EndArray()
      .Field("other_objects", census.other_objects())
      .Field("other_bytes", census.other_bytes())
      .Field("other_types", census.other_types())
      .Field("unknown_blocks", census.unknown_blocks())
      .Field("unknown_bytes", census.unknown_bytes())
      .Field("implausible_claims", census.implausible_claims())
      .Field("duration_ns", census.duration_ns());
  WriteCoverage(census.coverage(), &json);
  return json.EndObject().Take();
}

absl::StatusOr<std::string> RequestsDocument(const v1::RequestCounts& requests,
                                             const StringTable& strings) {
  if (requests.counts_size() > kMaxCounts) {
    return Invalid("requests: too many counts");
  }
  JsonWriter json;
  json.BeginObject()
      .Field("source", requests.source())
      .Field("reliable", requests.reliable())
      .Field("unreliable_reason", requests.unreliable_reason())
      .Field("other_count", requests.other_count())
      .Key("counts")
      .BeginArray();
  for (const v1::RequestCount& count : requests.counts()) {
    if (!strings.Has(count.metric_str())) {
      return Invalid("requests: string index out of range");
    }
    if (count.attributes_size() > kMaxAttributes) {
      return Invalid("requests: too many attributes");
    }
    json.BeginObject()
        .Field("metric", strings[count.metric_str()])
        .Field("value", count.value())
        .Field("gauge", count.gauge())
        .Key("attributes")
        .BeginObject();
    for (const v1::Attribute& attribute : count.attributes()) {
      if (!strings.Has(attribute.key_str()) ||
          !strings.Has(attribute.value_str())) {
        return Invalid("requests: string index out of range");
      }
      json.Field(strings[attribute.key_str()], strings[attribute.value_str()]);
    }
    json.EndObject().EndObject();
  }
  json.EndArray();
  json.Key("coverage")
      .BeginObject()
      .Field("method", requests.source())
      .EndObject();
  return json.EndObject().Take();
}

absl::StatusOr<std::string> StacksDocument(const v1::StackProfile& profile,
                                           const StringTable& strings) {
  if (profile.stacks_size() > kMaxStacks ||
      profile.counts_size() > kMaxCounts ||
      profile.balance_size() > kMaxSizeClasses) {
    return Invalid("stack profile: too many entries");
  }
  JsonWriter json;
  json.BeginObject()
      .Field("kind", KindName(profile.kind()))
      .Field("command_id", static_cast<int64_t>(profile.command_id()))
      .Field("net_counts_refused", profile.net_counts_refused())
      .Field("refusal", profile.refusal())
      .Field("hits_per_second", profile.hits_per_second())
      .Field("cost_ns_per_hit", profile.cost_ns_per_hit())
      .Field("target_cpu_share", profile.target_cpu_share());
  json.Key("stacks").BeginArray();
  for (const v1::StackCount& count : profile.counts()) {
    if (count.stack_index() >= static_cast<uint32_t>(profile.stacks_size()) ||
        !strings.Has(count.type_str())) {
      return Invalid("stack count: index out of range");
    }
    PLIMSOLL_RETURN_IF_ERROR(NonNegative(
        {count.allocations(), count.frees(), count.allocated_bytes(),
         count.freed_bytes(), count.block_bytes()},
        "stack count: negative count"));
    json.BeginObject()
        .Field("type", strings[count.type_str()])
        .Field("probe", ProbeName(count.probe()))
        .Field("block_bytes", count.block_bytes())
        .Field("allocations", count.allocations())
        .Field("frees", count.frees())
        .Field("allocated_bytes", count.allocated_bytes())
        .Field("freed_bytes", count.freed_bytes());
    // Null: not known. A window's later look cannot tell an object from the
    // next of its type at its address.
    if (IsFollowed(profile.kind())) {
      json.Field("surviving_objects", count.surviving_objects())
          .Field("surviving_bytes", count.surviving_bytes());
    } else {
      json.Key("surviving_objects").Null().Key("surviving_bytes").Null();
    }
    json.Field("weight", count.weight());
    PLIMSOLL_RETURN_IF_ERROR(WriteFrames(
        profile.stacks(static_cast<int>(count.stack_index())), strings, &json));
    json.EndObject();
  }
  json.EndArray().Key("balance").BeginArray();
  for (const v1::SizeClassBalance& balance : profile.balance()) {
    json.BeginObject()
        .Field("block_bytes", balance.block_bytes())
        .Field("allocations", balance.allocations())
        .Field("frees", balance.frees())
        .Field("census_change", balance.census_change())
        .EndObject();
  }
  json.EndArray();
  WriteCoverage(profile.coverage(), &json);
  return json.EndObject().Take();
}

absl::StatusOr<std::string> HoldersDocument(const v1::HolderGraph& graph,
                                            const StringTable& strings) {
  if (!strings.Has(graph.type_str())) {
    return Invalid("holders: string index out of range");
  }
  if (graph.paths_size() > kMaxPaths || graph.kept_at_size() > kMaxPaths) {
    return Invalid("holders: too many paths");
  }
  JsonWriter json;
  json.BeginObject()
      .Field("type", strings[graph.type_str()])
      .Field("command_id", static_cast<int64_t>(graph.command_id()))
      .Key("paths")
      .BeginArray();
  for (const v1::HolderPath& path : graph.paths()) {
    if (path.path_size() > kMaxFrames) return Invalid("holders: path too long");
    json.BeginObject()
        .Field("share", path.share())
        .Field("retained_bytes", path.retained_bytes())
        .Key("path")
        .BeginArray();
    for (const std::string& step : path.path()) json.String(step);
    json.EndArray().EndObject();
  }
  json.EndArray().Key("kept_at").BeginArray();
  for (const v1::KeptAt& kept : graph.kept_at()) {
    json.BeginObject().Field("share", kept.share());
    PLIMSOLL_RETURN_IF_ERROR(WriteFrames(kept.stack(), strings, &json));
    json.EndObject();
  }
  json.EndArray();
  WriteCoverage(graph.coverage(), &json);
  return json.EndObject().Take();
}

}  // namespace plimsoll::collector::rpc
