#include "collector/rpc/snapshot_decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "collector/core/history/used_memory.h"
#include "collector/rpc/documents.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector::rpc {
namespace {

constexpr double kMostObjects = 1e15;
constexpr int kMaxEvidence = 1'000;  // profiles or graphs in one snapshot

// Writes the numbers of one snapshot.
class Values {
 public:
  explicit Values(NodeSnapshot* out) : out_(out) {}
  void Put(std::string_view metric, int64_t value,
           std::string_view label = {}) {
    out_->values.push_back({metric, label, static_cast<double>(value), false});
  }
  void Increment(std::string_view metric, int64_t value,
                 std::string_view label) {
    out_->values.push_back({metric, label, static_cast<double>(value), true});
  }

 private:
  NodeSnapshot* out_;
};

void AddLatest(const char* kind, int64_t time_ns, std::string json,
               NodeSnapshot* out) {
  out->latest.push_back({kind, time_ns, time_ns, std::move(json)});
}

absl::Status DecodeMemory(const v1::MemorySample& memory, NodeSnapshot* out) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string json, MemoryDocument(memory));
  out->exited = memory.exited();
  out->oom_killed = memory.oom_killed();
  // The last snapshot of a process that is gone has nothing left to measure.
  if (memory.exited() && memory.rss_bytes() == 0) return absl::OkStatus();
  AddLatest("memory", out->boottime_ns, std::move(json), out);
  Values values(out);
  values.Put(metric::kRss, memory.rss_bytes());
  values.Put(metric::kAnon, memory.anon_bytes() + memory.swap_bytes());
  values.Put("file_bytes", memory.file_bytes());
  values.Put("shmem_bytes", memory.shmem_bytes());
  values.Put(metric::kSwap, memory.swap_bytes());
  values.Put(metric::kThreads, memory.threads());
  values.Put(metric::kOpenFds, memory.open_fds());
  values.Put("minor_faults_total", memory.minor_faults());
  values.Put("major_faults_total", memory.major_faults());
  if (memory.has_cgroup()) {
    const v1::CgroupMemory& cgroup = memory.cgroup();
    values.Put(metric::kCgroupCurrent, cgroup.current_bytes());
    values.Put(metric::kCgroupAnon, cgroup.anon_bytes());
    values.Put(metric::kCgroupInactiveFile, cgroup.inactive_file_bytes());
    values.Put(metric::kOomKills, cgroup.oom_kills());
    values.Put("cgroup_oom_events_total", cgroup.oom_events());
    if (cgroup.has_limit_bytes()) {
      values.Put(metric::kCgroupLimit, cgroup.limit_bytes());
    }
  }
  return absl::OkStatus();
}

absl::Status DecodeGc(const v1::GcSample& gc, NodeBatch* batch,
                      NodeSnapshot* out) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string json, GcDocument(gc));
  AddLatest("gc", out->boottime_ns, std::move(json), out);
  Values values(out);
  if (gc.has_frozen_objects()) {
    values.Put(metric::kGcFrozen, gc.frozen_objects());
  }
  if (gc.has_enabled()) values.Put(metric::kGcEnabled, gc.enabled() ? 1 : 0);
  for (int i = 0; i < gc.thresholds_size(); ++i) {
    values.Put(metric::kGcThreshold, gc.thresholds(i),
               batch->strings.emplace_back(std::to_string(i)));
  }
  if (gc.has_long_lived_objects() && gc.has_long_lived_pending()) {
    values.Put(metric::kGcLongLived, gc.long_lived_objects());
    values.Put(metric::kGcPending, gc.long_lived_pending());
  }
  for (const v1::GcGeneration& generation : gc.generations()) {
    std::string_view label =
        batch->strings.emplace_back(std::to_string(generation.generation()));
    values.Put(metric::kGcCollections, generation.collections(), label);
    values.Put(metric::kGcCollected, generation.collected(), label);
    values.Put(metric::kGcUncollectable, generation.uncollectable(), label);
    values.Increment(metric::kGcPauseSum, generation.pause_sum_ns(), label);
    values.Increment("gc_pauses_total", generation.pauses(), label);
  }
  return absl::OkStatus();
}

absl::Status DecodePymalloc(const v1::PymallocSample& sample, NodeBatch* batch,
                            NodeSnapshot* out) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string json, PymallocDocument(sample));
  AddLatest("pymalloc", out->boottime_ns, std::move(json), out);
  Values values(out);
  double live_bytes = 0, live_blocks = 0;
  for (const v1::SizeClass& size : sample.size_classes()) {
    live_blocks += static_cast<double>(size.blocks_live());
    live_bytes += static_cast<double>(size.blocks_live()) * size.block_bytes();
    values.Put("size_class_live_blocks", size.blocks_live(),
               batch->strings.emplace_back(std::to_string(size.block_bytes())));
  }
  out->values.push_back({metric::kLiveBytes, {}, live_bytes, false});
  out->values.push_back({metric::kLiveBlocks, {}, live_blocks, false});
  values.Put("arena_bytes", sample.arena_bytes());
  // All of the arenas that is not a live block: free blocks, free pools, and
  // the headers and tails that go with them.
  double free_bytes = static_cast<double>(sample.arena_bytes()) - live_bytes;
  if (free_bytes >= 0) {
    out->values.push_back({metric::kFreeBytes, {}, free_bytes, false});
  }
  return absl::OkStatus();
}

// Share of the live blocks that have a type: what the walk covered, less what
// it covered and could not name.
std::optional<double> TypedShare(const v1::TypeCensus& census, double named) {
  double looked_at = named + static_cast<double>(census.unknown_blocks());
  if (looked_at <= 0) return std::nullopt;
  double share = census.coverage().share();
  if (!std::isfinite(share) || share < 0 || share > 1) return std::nullopt;
  // A sampled census is scaled up: its share is of pools, not of types.
  if (census.coverage().sampled() || share == 0) share = 1;
  return share * named / looked_at;
}

absl::Status DecodeCensus(const v1::TypeCensus& census,
                          const StringTable& strings, NodeSnapshot* out) {
  PLIMSOLL_ASSIGN_OR_RETURN(std::string json, CensusDocument(census, strings));
  AddLatest("census", out->boottime_ns, std::move(json), out);
  Values values(out);
  double named = static_cast<double>(census.other_objects());
  for (const v1::TypeCount& type : census.types()) {
    std::string_view label = strings[type.type_str()];
    named += static_cast<double>(type.objects());
    values.Put(metric::kTypeObjects, type.objects(), label);
    values.Put(metric::kTypeBytes, type.bytes(), label);
    if (const double error = std::ceil(type.standard_error());
        error >= 1 && error < kMostObjects) {
      values.Put(metric::kTypeObjectsError, static_cast<int64_t>(error), label);
    }
  }
  values.Put("census_other_bytes", census.other_bytes());
  values.Put("census_unknown_blocks", census.unknown_blocks());
  values.Put("census_unknown_bytes", census.unknown_bytes());
  values.Put("census_implausible_claims", census.implausible_claims());
  values.Put("census_duration_ns", census.duration_ns());
  if (census.has_malloc()) {
    const v1::MallocUse& use = census.malloc();
    values.Put(metric::kMallocLive, use.live_bytes());
    values.Put(metric::kMallocFree, use.free_bytes());
    values.Put(metric::kMallocPython, use.object_bytes() + use.buffer_bytes());
  }
  out->typed_share = TypedShare(census, named);
  return absl::OkStatus();
}

absl::Status DecodeEvidence(const v1::Snapshot& snapshot,
                            const StringTable& strings, NodeBatch* batch,
                            NodeSnapshot* out) {
  if (snapshot.stack_profiles_size() > kMaxEvidence ||
      snapshot.holders_size() > kMaxEvidence) {
    return absl::InvalidArgumentError("snapshot: too much evidence");
  }
  for (const v1::StackProfile& profile : snapshot.stack_profiles()) {
    auto json = StacksDocument(profile, strings);
    int64_t begin = profile.begin_boottime_ns();
    int64_t end = profile.end_boottime_ns();
    if (!json.ok() || begin < 0 || end < begin) {
      Refuse(PLIMSOLL_DROP_INVALID_MESSAGE, batch);
      continue;
    }
    if (end == 0) begin = end = out->boottime_ns;
    out->evidence.push_back({"stacks", begin, end, *std::move(json)});
  }
  for (const v1::HolderGraph& graph : snapshot.holders()) {
    auto json = HoldersDocument(graph, strings);
    if (!json.ok()) {
      Refuse(PLIMSOLL_DROP_INVALID_MESSAGE, batch);
      continue;
    }
    out->evidence.push_back(
        {"holders", out->boottime_ns, out->boottime_ns, *std::move(json)});
  }
  return absl::OkStatus();
}

// Runs one tier; what it refuses is taken back and counted.
template <typename Decode>
void Part(Decode decode, NodeBatch* batch, NodeSnapshot* out) {
  size_t values = out->values.size();
  size_t latest = out->latest.size();
  if (decode().ok()) return;
  out->values.resize(values);
  out->latest.resize(latest);
  Refuse(PLIMSOLL_DROP_INVALID_MESSAGE, batch);
}

const char* TierName(int tier) {
  switch (tier) {
    case v1::TIER_MEMORY:
      return "memory";
    case v1::TIER_GC:
      return "gc";
    case v1::TIER_HEADERS:
      return "headers";
    case v1::TIER_CENSUS:
      return "census";
    case v1::TIER_STACKS:
      return "stacks";
    case v1::TIER_NATIVE:
      return "native";
    case v1::TIER_HOLDERS:
      return "holders";
    case v1::TIER_REQUESTS:
      return "requests";
    default:
      return "unknown";
  }
}

}  // namespace

void Refuse(plimsoll_drop_reason reason, NodeBatch* batch) {
  for (auto& [known, count] : batch->refused) {
    if (known == reason) {
      ++count;
      return;
    }
  }
  batch->refused.emplace_back(reason, 1);
}

TierState DecodeTier(const v1::TierStatus& status) {
  return {TierName(status.tier()), status.ok(), status.reason(), status.rung()};
}

NodeSnapshot DecodeSnapshot(const v1::Snapshot& snapshot,
                            const StringTable& strings, NodeBatch* batch) {
  NodeSnapshot out;
  out.boottime_ns = snapshot.boottime_ns();
  if (snapshot.has_memory()) {
    Part([&] { return DecodeMemory(snapshot.memory(), &out); }, batch, &out);
  }
  if (snapshot.has_gc()) {
    Part([&] { return DecodeGc(snapshot.gc(), batch, &out); }, batch, &out);
  }
  if (snapshot.has_pymalloc()) {
    Part([&] { return DecodePymalloc(snapshot.pymalloc(), batch, &out); },
         batch, &out);
  }
  if (snapshot.has_census()) {
    Part([&] { return DecodeCensus(snapshot.census(), strings, &out); }, batch,
         &out);
  }
  if (snapshot.has_requests()) {
    Part(
        [&] {
          return DecodeRequests(snapshot.requests(), strings, batch, &out);
        },
        batch, &out);
  }
  Part([&] { return DecodeEvidence(snapshot, strings, batch, &out); }, batch,
       &out);
  for (const v1::TierStatus& status : snapshot.tiers()) {
    out.tiers.push_back(DecodeTier(status));
  }
  for (const v1::Loss& loss : snapshot.losses()) {
    if (loss.count() <= 0) continue;
    out.values.push_back({"dropped_total",
                          batch->strings.emplace_back(loss.reason()),
                          static_cast<double>(loss.count()), true});
  }
  return out;
}

}  // namespace plimsoll::collector::rpc
