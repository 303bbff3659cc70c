#include "agent/export/report_encoder.h"

#include <algorithm>
#include <span>

#include "agent/export/snapshot_encoder.h"
#include "agent/export/text_cleaner.h"

namespace plimsoll::exporter {
namespace {

std::string VersionText(const core::PythonVersion& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) +
         "." + std::to_string(version.micro);
}

void EncodeProcess(const core::DescribedProcess& process,
                   const core::NodeReport& report,
                   v1::ProcessDescription& out) {
  const core::ProcessDescription& from = process.description;
  EncodeProcessId(from.id, report.boot_id, *out.mutable_process());
  v1::Workload& workload = *out.mutable_workload();
  workload.set_cluster(from.workload.cluster);
  workload.set_namespace_(from.workload.ns);
  workload.set_kind(from.workload.kind);
  workload.set_name(from.workload.name);
  workload.set_source(from.workload.source);
  v1::PythonDescription& python = *out.mutable_python();
  if (process.python) {
    python.set_version(VersionText(process.python->version));
    python.set_implementation(process.python->implementation);
    python.set_build_id(process.python->build_id);
    python.set_object_path(process.python->object_path);
    python.set_shared_library(process.python->shared_library);
    python.set_stripped(process.python->stripped);
  }
  python.set_allocator(process.allocator);
  python.set_refusal(process.refusal);
  out.set_region(from.region);
  out.set_zone(from.zone);
  out.set_version(from.version);
  out.set_image_digest(from.image_digest);
  out.set_node(report.node);
  out.set_pod(from.pod);
  out.set_container(from.container);
  out.set_owner(from.owner);
  out.set_command(from.command);
  out.set_parent_pid(from.parent_pid);
  out.set_start_unix_ns(from.start_unix_ns);
  out.set_cgroup(from.cgroup);
  for (const core::TierStatus& status : process.tiers) {
    EncodeTierStatus(status, *out.add_tiers());
  }
}

void EncodeNode(const core::NodeReport& report, v1::Batch& batch) {
  if (report.node_sample) {
    v1::NodeSample& node = *batch.mutable_node();
    node.set_boottime_ns(report.boottime_ns);
    node.set_mem_total_bytes(report.node_sample->mem_total_bytes);
    node.set_mem_available_bytes(report.node_sample->mem_available_bytes);
    node.set_swap_free_bytes(report.node_sample->swap_free_bytes);
    node.set_oom_kills(report.node_sample->oom_kills);
    node.set_agent_rss_bytes(report.usage.rss_bytes);
    node.set_agent_cpu_ns(report.usage.cpu_ns);
    node.set_probe_hits(report.usage.probe_hits);
    node.set_probe_cost_ns(report.usage.probe_cost_ns);
    node.set_attach_rung(report.usage.attach_rung);
  }
  for (const auto& [reason, count] : report.losses) {
    v1::Loss& loss = *batch.add_losses();
    loss.set_reason(reason);
    loss.set_count(count);
  }
}

// The head carries what is said once per report: node, losses, processes.
std::string EncodeBatch(const core::NodeReport& report,
                        std::span<const core::Snapshot> snapshots, bool head,
                        size_t max_types) {
  v1::Batch batch;
  StringTable strings(batch);
  batch.set_boottime_ns(report.boottime_ns);
  batch.set_wall_offset_ns(report.wall_offset_ns);
  batch.set_boot_id(report.boot_id);
  if (head) {
    EncodeNode(report, batch);
    for (const core::DescribedProcess& process : report.processes) {
      EncodeProcess(process, report, *batch.add_processes());
    }
  }
  for (const core::Snapshot& snapshot : snapshots) {
    EncodeSnapshot(snapshot, report.boot_id, max_types, strings,
                   *batch.add_snapshots());
  }
  TextCleaner().Clean(&batch);
  return batch.SerializeAsString();
}

void EncodeSplit(const core::NodeReport& report,
                 std::span<const core::Snapshot> snapshots, bool head,
                 const EncoderOptions& options, EncodedReport& out) {
  std::string bytes = EncodeBatch(report, snapshots, head, options.max_types);
  if (bytes.size() <= options.max_batch_bytes) {
    out.batches.push_back(std::move(bytes));
    return;
  }
  if (snapshots.size() > 1) {
    size_t half = snapshots.size() / 2;
    EncodeSplit(report, snapshots.first(half), head, options, out);
    EncodeSplit(report, snapshots.subspan(half), false, options, out);
    return;
  }
  if (head && !snapshots.empty()) {
    EncodeSplit(report, {}, true, options, out);
    EncodeSplit(report, snapshots, false, options, out);
    return;
  }
  ++out.too_large;
  if (snapshots.empty() || snapshots[0].stack_profiles.empty()) return;
  // Stacks are what grows without bound: the rest of the snapshot still goes.
  core::Snapshot smaller = snapshots[0];
  smaller.stack_profiles.clear();
  ++smaller.losses["batch_too_large"];
  EncodeSplit(report, std::span(&smaller, 1), false, options, out);
}

}  // namespace

EncodedReport EncodeReport(const core::NodeReport& report,
                           const EncoderOptions& options) {
  EncodedReport out;
  EncodeSplit(report, report.snapshots, true, options, out);
  return out;
}

}  // namespace plimsoll::exporter
