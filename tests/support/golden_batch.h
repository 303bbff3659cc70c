// One batch that holds a message of every tier of the design, with figures that
// are all different, so that a test can tell which one came out where.
#ifndef PLIMSOLL_TESTS_SUPPORT_GOLDEN_BATCH_H_
#define PLIMSOLL_TESTS_SUPPORT_GOLDEN_BATCH_H_

#include <cstdint>
#include <string>

#include "plimsoll/v1/stream.pb.h"
#include "tests/support/golden_evidence.h"

namespace plimsoll::testing {

inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr int64_t kGoldenBoottimeNs = 5'000 * kSecond;
inline constexpr int64_t kGoldenWallOffsetNs = 1'700'000'000 * kSecond;
inline constexpr int64_t kGoldenUnixNs =
    kGoldenBoottimeNs + kGoldenWallOffsetNs;

inline void SetGoldenProcess(v1::ProcessId* id, int32_t pid = 4242) {
  id->set_boot_id("boot-a");
  id->set_pid(pid);
  id->set_start_ticks(777);
  id->set_exec_seq(1);
}

// An empty batch and an empty snapshot of the golden process in it.
inline v1::Batch EmptyBatch(uint64_t seq,
                            int64_t boottime_ns = kGoldenBoottimeNs) {
  v1::Batch batch;
  batch.set_seq(seq);
  batch.set_boot_id("boot-a");
  batch.set_boottime_ns(boottime_ns);
  batch.set_wall_offset_ns(kGoldenWallOffsetNs);
  batch.add_strings("");
  return batch;
}

inline v1::Snapshot* AddSnapshot(v1::Batch* batch, int32_t pid = 4242) {
  v1::Snapshot* snapshot = batch->add_snapshots();
  SetGoldenProcess(snapshot->mutable_process(), pid);
  snapshot->set_boottime_ns(batch->boottime_ns());
  return snapshot;
}

inline void AddGoldenMemory(v1::Snapshot* snapshot, int64_t rss = 101'000'000) {
  v1::MemorySample* memory = snapshot->mutable_memory();
  memory->set_rss_bytes(rss);
  memory->set_anon_bytes(90'000'000);
  memory->set_file_bytes(11'000'000);
  memory->set_threads(7);
  memory->set_open_fds(33);
  v1::CgroupMemory* cgroup = memory->mutable_cgroup();
  cgroup->set_path("/kubepods/pod1");
  cgroup->set_version(2);
  cgroup->set_current_bytes(150'000'000);
  cgroup->set_limit_bytes(512'000'000);
  cgroup->set_anon_bytes(120'000'000);
  cgroup->set_inactive_file_bytes(9'000'000);
}

inline void AddGoldenDescription(v1::Batch* batch) {
  v1::ProcessDescription* process = batch->add_processes();
  SetGoldenProcess(process->mutable_process());
  v1::Workload* workload = process->mutable_workload();
  workload->set_cluster("prod");
  workload->set_namespace_("routing");
  workload->set_kind("Deployment");
  workload->set_name("routing-api");
  process->mutable_python()->set_version("3.11.2");
  process->mutable_python()->set_build_id("abcd");
  process->mutable_python()->set_allocator("pymalloc");
  process->set_region("ap-southeast-1");
  process->set_version("2018.09.01-3");
  process->set_node("node-1");
  process->set_pod("routing-api-7d9f-x2x1q");
  process->set_command("gunicorn app:app");
  process->set_parent_pid(17);
  v1::TierStatus* tier = process->add_tiers();
  tier->set_tier(v1::TIER_GC);
  tier->set_ok(false);
  tier->set_reason("not probed: <no symbol>");
}

inline void AddGoldenHeap(v1::Snapshot* snapshot, BatchStrings& strings) {
  v1::GcGeneration* generation = snapshot->mutable_gc()->add_generations();
  generation->set_generation(2);
  generation->set_collections(12);
  generation->set_collected(34);
  generation->set_pause_sum_ns(5'600);
  generation->set_pauses(3);
  snapshot->mutable_gc()->set_source("uprobe");
  snapshot->mutable_gc()->set_enabled(true);
  for (const int64_t t : {700, 10, 10}) {
    snapshot->mutable_gc()->add_thresholds(t);
  }
  snapshot->mutable_gc()->set_long_lived_objects(400'000);
  snapshot->mutable_gc()->set_long_lived_pending(90'000);
  v1::PymallocSample* pymalloc = snapshot->mutable_pymalloc();
  v1::SizeClass* size = pymalloc->add_size_classes();
  size->set_block_bytes(64);
  size->set_pools(100);
  size->set_blocks_live(6'000);
  size->set_blocks_free(200);
  pymalloc->set_arenas(2);
  pymalloc->set_arena_bytes(524'288);
  pymalloc->mutable_coverage()->set_share(1);
  pymalloc->mutable_coverage()->set_method("census-headers");
  v1::TypeCensus* census = snapshot->mutable_census();
  v1::TypeCount* type = census->add_types();
  type->set_type_str(strings("routing.vehicles.FloatingVehicle"));
  type->set_objects(65'000);
  type->set_bytes(11'050'000);
  census->set_unknown_blocks(1'000);
  census->set_implausible_claims(12'345);
  census->set_other_objects(34'000);
  census->mutable_coverage()->set_share(0.994);
  census->mutable_coverage()->set_method("census");
}

inline void AddGoldenRequests(v1::Snapshot* snapshot, BatchStrings& strings) {
  v1::RequestCounts* requests = snapshot->mutable_requests();
  requests->set_source("prometheus-multiprocess");
  requests->set_reliable(true);
  v1::RequestCount* count = requests->add_counts();
  count->set_metric_str(strings("http_requests_total"));
  v1::Attribute* outcome = count->add_attributes();
  outcome->set_key_str(strings("outcome"));
  outcome->set_value_str(strings("exception"));
  v1::Attribute* city = count->add_attributes();
  city->set_key_str(strings("city"));
  city->set_value_str(strings("singapore"));
  count->set_value(88);
}

inline v1::Batch GoldenBatch(uint64_t seq) {
  v1::Batch batch = EmptyBatch(seq);
  BatchStrings strings(&batch);
  AddGoldenDescription(&batch);
  v1::Snapshot* snapshot = AddSnapshot(&batch);
  AddGoldenMemory(snapshot);
  AddGoldenHeap(snapshot, strings);
  AddGoldenEvidence(snapshot, strings);
  AddGoldenRequests(snapshot, strings);
  v1::Loss* loss = snapshot->add_losses();
  loss->set_reason("stack_read_fault");
  loss->set_count(5);
  v1::Loss* agent_loss = batch.add_losses();
  agent_loss->set_reason("ring_full");
  agent_loss->set_count(9);
  v1::NodeSample* node = batch.mutable_node();
  node->set_boottime_ns(kGoldenBoottimeNs);
  node->set_mem_total_bytes(8'000'000'000);
  node->set_mem_available_bytes(3'000'000'000);
  node->set_swap_free_bytes(1'000'000'000);
  node->set_attach_rung("uprobe_multi");
  return batch;
}

// The bytes that an agent sends.
inline std::string Encode(const v1::Batch& batch) {
  v1::NodeMessage message;
  *message.mutable_batch() = batch;
  return message.SerializeAsString();
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_GOLDEN_BATCH_H_
