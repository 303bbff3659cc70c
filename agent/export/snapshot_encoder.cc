#include "agent/export/snapshot_encoder.h"

#include <algorithm>
#include <vector>

#include "agent/export/stack_id.h"

namespace plimsoll::exporter {
namespace {

void EncodeCoverage(const core::Coverage& coverage, v1::Coverage& out) {
  out.set_seen(coverage.seen);
  out.set_total(coverage.total);
  out.set_share(coverage.share());
  out.set_sampled(coverage.sampled);
  out.set_standard_error(coverage.standard_error);
  out.set_method(coverage.method);
}

void EncodeMemory(const core::MemorySample& memory, v1::MemorySample& out) {
  out.set_rss_bytes(memory.rss_bytes);
  out.set_anon_bytes(memory.anon_bytes);
  out.set_file_bytes(memory.file_bytes);
  out.set_shmem_bytes(memory.shmem_bytes);
  out.set_swap_bytes(memory.swap_bytes);
  out.set_threads(memory.threads);
  // -1 is "not readable": absent on the wire, where no size is negative.
  if (memory.open_fds >= 0) out.set_open_fds(memory.open_fds);
  out.set_minor_faults(memory.minor_faults);
  out.set_major_faults(memory.major_faults);
  out.set_exited(memory.exited);
  out.set_oom_killed(memory.oom_killed);
  if (!memory.cgroup) return;
  v1::CgroupMemory& cgroup = *out.mutable_cgroup();
  cgroup.set_path(memory.cgroup->path);
  cgroup.set_version(memory.cgroup->version);
  cgroup.set_current_bytes(memory.cgroup->current_bytes);
  if (memory.cgroup->limit_bytes) {
    cgroup.set_limit_bytes(*memory.cgroup->limit_bytes);
  }
  cgroup.set_anon_bytes(memory.cgroup->anon_bytes);
  cgroup.set_inactive_file_bytes(memory.cgroup->inactive_file_bytes);
  cgroup.set_oom_kills(memory.cgroup->oom_kills);
  cgroup.set_oom_events(memory.cgroup->oom_events);
  cgroup.set_peak_bytes(memory.cgroup->peak_bytes);
}

void EncodePauses(const core::GcPauses& pauses, v1::GcGeneration& out) {
  out.set_pauses(pauses.count);
  out.set_pause_sum_ns(pauses.sum_ns);
  out.set_pause_max_ns(pauses.max_ns);
  int last = -1;
  for (int i = 0; i < static_cast<int>(pauses.log2_ns_counts.size()); ++i) {
    if (pauses.log2_ns_counts[static_cast<size_t>(i)] != 0) last = i;
  }
  for (int i = 0; i <= last; ++i) {
    out.add_pause_log2_ns_counts(pauses.log2_ns_counts[static_cast<size_t>(i)]);
  }
}

void EncodeGc(const core::GcSample& gc, v1::GcSample& out) {
  out.set_source(gc.source);
  if (gc.state.enabled) {
    const std::vector<int64_t>& thresholds = gc.state.thresholds;
    const bool never_starts = !thresholds.empty() && thresholds.front() == 0;
    out.set_enabled(*gc.state.enabled && !never_starts);
  }
  if (gc.state.frozen_objects) out.set_frozen_objects(*gc.state.frozen_objects);
  for (const int64_t t : gc.state.thresholds) out.add_thresholds(t);
  if (gc.state.long_lived) {
    out.set_long_lived_objects(gc.state.long_lived->total);
    out.set_long_lived_pending(gc.state.long_lived->pending);
  }
  size_t generations = std::max(gc.state.generations.size(), gc.pauses.size());
  for (size_t i = 0; i < generations; ++i) {
    v1::GcGeneration& generation = *out.add_generations();
    generation.set_generation(static_cast<int32_t>(i));
    if (i < gc.state.generations.size()) {
      generation.set_collections(gc.state.generations[i].collections);
      generation.set_collected(gc.state.generations[i].collected);
      generation.set_uncollectable(gc.state.generations[i].uncollectable);
    }
    if (i < gc.pauses.size()) EncodePauses(gc.pauses[i], generation);
  }
}

void EncodePymalloc(const core::HeapCensus& census, v1::PymallocSample& out) {
  for (const core::SizeClass& size_class : census.size_classes) {
    v1::SizeClass& row = *out.add_size_classes();
    row.set_block_bytes(size_class.block_bytes);
    row.set_pools(size_class.pools);
    row.set_blocks_live(size_class.blocks_live);
    row.set_blocks_free(size_class.blocks_free);
  }
  out.set_arenas(census.arenas);
  out.set_arena_bytes(census.arena_bytes);
  out.set_pools_free(census.pools_free);
  EncodeCoverage(census.coverage, *out.mutable_coverage());
}

void EncodeTypes(const core::HeapCensus& census, size_t max_types,
                 StringTable& strings, v1::TypeCensus& out) {
  // The census is sorted by bytes, but this cut must not depend on it.
  std::vector<const core::TypeCount*> types;
  types.reserve(census.types.size());
  for (const core::TypeCount& type : census.types) types.push_back(&type);
  auto larger = [](const core::TypeCount* a, const core::TypeCount* b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->type < b->type;
  };
  std::sort(types.begin(), types.end(), larger);
  int64_t objects = 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < types.size(); ++i) {
    if (i >= max_types) {
      objects += types[i]->objects;
      bytes += types[i]->bytes;
      continue;
    }
    v1::TypeCount& row = *out.add_types();
    row.set_type_str(strings.Intern(types[i]->type));
    row.set_objects(types[i]->objects);
    row.set_bytes(types[i]->bytes);
    row.set_standard_error(types[i]->standard_error);
  }
  if (types.size() > max_types) {
    out.set_other_types(static_cast<int64_t>(types.size() - max_types));
    out.set_other_objects(objects);
    out.set_other_bytes(bytes);
  }
  out.set_unknown_blocks(census.unknown_blocks);
  out.set_unknown_bytes(census.unknown_bytes);
  out.set_duration_ns(census.duration_ns);
  EncodeCoverage(census.coverage, *out.mutable_coverage());
  out.set_resident_bytes(census.resident_bytes);
  out.set_implausible_claims(census.implausible_claims);
  const core::MallocUse& use = census.malloc;
  if (use.live_chunks == 0) return;
  v1::MallocUse& malloc = *out.mutable_malloc();
  malloc.set_live_bytes(use.live_bytes);
  malloc.set_free_bytes(use.free_bytes);
  malloc.set_object_bytes(use.object_bytes);
  malloc.set_buffer_bytes(use.buffer_bytes);
  malloc.set_lost_bytes(use.lost_bytes);
  malloc.set_live_chunks(use.live_chunks);
}

void EncodeStack(const core::Stack& stack, StringTable& strings,
                 v1::Stack& out) {
  out.set_id(StackId(stack));
  out.set_truncated(stack.truncated);
  for (const core::Frame& frame : stack.frames) {
    v1::Frame& row = *out.add_frames();
    row.set_function_str(strings.Intern(frame.function));
    row.set_file_str(strings.Intern(frame.file));
    row.set_module_str(strings.Intern(frame.module));
    row.set_line(frame.line);
    row.set_kind(frame.native ? v1::Frame::KIND_NATIVE
                              : v1::Frame::KIND_PYTHON);
  }
}

v1::Probe EncodeProbe(core::ProbeKind kind) {
  int value = static_cast<int>(kind);
  return v1::Probe_IsValid(value) ? static_cast<v1::Probe>(value)
                                  : v1::PROBE_UNSPECIFIED;
}

void EncodeProfile(const core::StackProfile& profile, StringTable& strings,
                   v1::StackProfile& out) {
  out.set_kind(
      static_cast<v1::StackProfile::Kind>(static_cast<int>(profile.kind)));
  out.set_begin_boottime_ns(profile.begin_boottime_ns);
  out.set_end_boottime_ns(profile.end_boottime_ns);
  for (const core::Stack& stack : profile.stacks) {
    EncodeStack(stack, strings, *out.add_stacks());
  }
  for (const core::StackCount& count : profile.counts) {
    v1::StackCount& row = *out.add_counts();
    row.set_stack_index(count.stack_index);
    row.set_type_str(strings.Intern(count.type));
    row.set_probe(EncodeProbe(count.probe));
    row.set_block_bytes(count.block_bytes);
    row.set_allocations(count.allocations);
    row.set_frees(count.frees);
    row.set_allocated_bytes(count.allocated_bytes);
    row.set_freed_bytes(count.freed_bytes);
    row.set_surviving_objects(count.surviving_objects);
    row.set_surviving_bytes(count.surviving_bytes);
    row.set_weight(count.weight);
  }
  for (const core::SizeClassBalance& balance : profile.balance) {
    v1::SizeClassBalance& row = *out.add_balance();
    row.set_block_bytes(balance.block_bytes);
    row.set_allocations(balance.allocations);
    row.set_frees(balance.frees);
    row.set_census_change(balance.census_change);
  }
  EncodeCoverage(profile.coverage, *out.mutable_coverage());
  out.set_net_counts_refused(profile.net_counts_refused);
  out.set_refusal(profile.refusal);
  out.set_command_id(profile.command_id);
  out.set_hits_per_second(profile.hits_per_second);
  out.set_cost_ns_per_hit(profile.cost_ns_per_hit);
  out.set_target_cpu_share(profile.target_cpu_share);
}

void EncodeRequests(const core::RequestCounts& requests, StringTable& strings,
                    v1::RequestCounts& out) {
  out.set_source(requests.source);
  out.set_other_count(static_cast<int64_t>(requests.other_count));
  out.set_reliable(requests.reliable);
  out.set_unreliable_reason(requests.unreliable_reason);
  for (const core::RequestCount& count : requests.counts) {
    v1::RequestCount& row = *out.add_counts();
    row.set_metric_str(strings.Intern(count.metric));
    row.set_value(count.value);
    row.set_gauge(count.gauge);
    for (const auto& [key, value] : count.attributes) {
      v1::Attribute& attribute = *row.add_attributes();
      attribute.set_key_str(strings.Intern(key));
      attribute.set_value_str(strings.Intern(value));
    }
  }
}

}  // namespace

void EncodeProcessId(const core::ProcessId& id, const std::string& boot_id,
                     v1::ProcessId& out) {
  out.set_boot_id(boot_id);
  out.set_pid(id.pid);
  out.set_start_ticks(id.start_ticks);
  out.set_exec_seq(id.exec_seq);
}

void EncodeTierStatus(const core::TierStatus& status, v1::TierStatus& out) {
  out.set_tier(static_cast<v1::Tier>(static_cast<int>(status.tier)));
  out.set_ok(status.ok);
  out.set_reason(status.reason);
  out.set_rung(status.rung);
}

void EncodeSnapshot(const core::Snapshot& snapshot, const std::string& boot_id,
                    size_t max_types, StringTable& strings, v1::Snapshot& out) {
  EncodeProcessId(snapshot.process, boot_id, *out.mutable_process());
  out.set_boottime_ns(snapshot.boottime_ns);
  if (snapshot.memory) EncodeMemory(*snapshot.memory, *out.mutable_memory());
  if (snapshot.gc) EncodeGc(*snapshot.gc, *out.mutable_gc());
  if (snapshot.census) {
    EncodePymalloc(*snapshot.census, *out.mutable_pymalloc());
    if (!snapshot.census_headers_only) {
      EncodeTypes(*snapshot.census, max_types, strings, *out.mutable_census());
    }
  }
  for (const core::StackProfile& profile : snapshot.stack_profiles) {
    EncodeProfile(profile, strings, *out.add_stack_profiles());
  }
  if (snapshot.requests) {
    EncodeRequests(*snapshot.requests, strings, *out.mutable_requests());
  }
  for (const core::TierStatus& status : snapshot.tiers) {
    EncodeTierStatus(status, *out.add_tiers());
  }
  for (const auto& [reason, count] : snapshot.losses) {
    v1::Loss& loss = *out.add_losses();
    loss.set_reason(reason);
    loss.set_count(count);
  }
}

}  // namespace plimsoll::exporter
