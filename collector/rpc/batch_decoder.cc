#include "collector/rpc/batch_decoder.h"

#include <google/protobuf/io/coded_stream.h>

#include <limits>
#include <memory>
#include <string>

#include "collector/rpc/snapshot_decoder.h"
#include "collector/rpc/text_repair.h"
#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::collector::rpc {
namespace {

constexpr int kMaxStrings = 200'000;
constexpr int kMaxProcesses = 20'000;
constexpr int kMaxSnapshots = 20'000;
constexpr int kMaxTiers = 64;
constexpr int kMaxLosses = 256;
constexpr uint64_t kMaxSeq = uint64_t{1} << 62;
constexpr size_t kMaxIdBytes = 256;
// Ten years of uptime; far from where adding a wall offset overflows.
constexpr int64_t kMaxBoottimeNs = int64_t{10} * 366 * 86'400 * 1'000'000'000;
constexpr int64_t kMaxWallOffsetNs = int64_t{1} << 62;
constexpr int64_t kClosedToleranceNs = int64_t{60} * 1'000'000'000;

absl::Status Invalid(const char* what) {
  return absl::InvalidArgumentError(std::string("batch: ") + what);
}

bool DecodeIdentity(const v1::ProcessId& process, ProcessIdentity* id) {
  if (process.boot_id().empty() || process.boot_id().size() > kMaxIdBytes ||
      process.pid() <= 0) {
    return false;
  }
  *id = {process.boot_id(), process.pid(), process.start_ticks(),
         process.exec_seq()};
  return true;
}

DescribedProcess DecodeDescription(const v1::ProcessDescription& description) {
  DescribedProcess out;
  ProcessInfo& info = out.info;
  const v1::Workload& workload = description.workload();
  info.workload = {workload.cluster(), workload.namespace_(), workload.kind(),
                   workload.name()};
  info.region = description.region();
  info.zone = description.zone();
  info.version = description.version();
  info.image_digest = description.image_digest();
  info.node = description.node();
  info.pod = description.pod();
  info.container = description.container();
  info.owner = description.owner();
  info.command = description.command();
  info.cgroup = description.cgroup();
  info.parent_pid = description.parent_pid();
  info.python_version = description.python().version();
  info.python_refusal = description.python().refusal();
  info.start_unix_ns = description.start_unix_ns();
  out.build_id = description.python().build_id();
  out.allocator = description.python().allocator();
  out.object_path = description.python().object_path();
  for (const v1::TierStatus& status : description.tiers()) {
    out.tiers.push_back(DecodeTier(status));
  }
  return out;
}

void DecodeNode(const v1::NodeSample& node, NodeBatch* out) {
  out->node_boottime_ns = node.boottime_ns();
  out->attach_rung = node.attach_rung();
  auto put = [&](std::string_view metric, int64_t value) {
    out->node_values.push_back({metric, {}, static_cast<double>(value), false});
  };
  put("node_mem_total_bytes", node.mem_total_bytes());
  put(metric::kNodeAvailable, node.mem_available_bytes());
  put(metric::kNodeSwapFree, node.swap_free_bytes());
  put("node_oom_kills_total", node.oom_kills());
  put("agent_rss_bytes", node.agent_rss_bytes());
  put("agent_cpu_ns_total", node.agent_cpu_ns());
  put("probe_hits_total", node.probe_hits());
  put("probe_cost_ns_total", node.probe_cost_ns());
}

bool NodeIsValid(const v1::NodeSample& node) {
  return node.boottime_ns() > 0 && node.boottime_ns() < kMaxBoottimeNs &&
         node.mem_total_bytes() >= 0 && node.mem_available_bytes() >= 0 &&
         node.swap_free_bytes() >= 0 && node.oom_kills() >= 0 &&
         node.agent_rss_bytes() >= 0 && node.agent_cpu_ns() >= 0 &&
         node.probe_hits() >= 0 && node.probe_cost_ns() >= 0;
}

absl::Status CheckBatch(const v1::Batch& batch) {
  if (batch.seq() >= kMaxSeq) return Invalid("seq out of range");
  if (batch.strings_size() > kMaxStrings) return Invalid("too many strings");
  if (batch.strings_size() > 0 && !batch.strings(0).empty()) {
    return Invalid("strings[0] is not empty");
  }
  if (batch.processes_size() > kMaxProcesses ||
      batch.snapshots_size() > kMaxSnapshots) {
    return Invalid("too many processes");
  }
  if (batch.boottime_ns() <= 0 || batch.boottime_ns() > kMaxBoottimeNs) {
    return Invalid("boot time out of range");
  }
  if (batch.wall_offset_ns() > kMaxWallOffsetNs ||
      batch.wall_offset_ns() < -kMaxWallOffsetNs) {
    return Invalid("wall offset out of range");
  }
  if (batch.boot_id().size() > kMaxIdBytes) return Invalid("boot id too long");
  return absl::OkStatus();
}

// The boot that the batch's wall offset belongs to; what it tells of processes
// of another boot has no time.
std::string BootId(const v1::Batch& batch) {
  if (!batch.boot_id().empty()) return batch.boot_id();
  if (batch.processes_size() > 0) return batch.processes(0).process().boot_id();
  if (batch.snapshots_size() > 0) return batch.snapshots(0).process().boot_id();
  return "";
}

void DecodeLosses(const v1::Batch& batch, NodeBatch* out) {
  for (const v1::Loss& loss : batch.losses()) {
    if (loss.count() <= 0 || loss.reason().size() > kMaxIdBytes ||
        out->losses.size() >= kMaxLosses) {
      Refuse(PLIMSOLL_DROP_INVALID_MESSAGE, out);
      continue;
    }
    out->losses.push_back({loss.reason(), loss.count()});
  }
}

void DecodeSnapshots(const v1::Batch& batch, NodeBatch* out) {
  StringTable strings(batch.strings());
  out->snapshots.reserve(static_cast<size_t>(batch.snapshots_size()));
  for (const v1::Snapshot& snapshot : batch.snapshots()) {
    ProcessIdentity id;
    if (!DecodeIdentity(snapshot.process(), &id) ||
        id.boot_id != out->boot_id || snapshot.boottime_ns() <= 0 ||
        snapshot.tiers_size() > kMaxTiers ||
        snapshot.losses_size() > kMaxLosses) {
      Refuse(PLIMSOLL_DROP_INVALID_MESSAGE, out);
      continue;
    }
    if (snapshot.boottime_ns() > batch.boottime_ns() + kClosedToleranceNs) {
      Refuse(PLIMSOLL_DROP_FUTURE_TIMESTAMP, out);
      continue;
    }
    out->snapshots.push_back(DecodeSnapshot(snapshot, strings, out));
    out->snapshots.back().id = std::move(id);
  }
}

}  // namespace

absl::StatusOr<NodeBatch> DecodeBatch(std::string_view node_message) {
  if (node_message.size() > static_cast<size_t>(kMaxBatchBytes)) {
    return absl::ResourceExhaustedError("batch: too large");
  }
  auto message = std::make_shared<v1::NodeMessage>();
  const int64_t repaired = ParseRepaired(node_message, message.get());
  if (repaired < 0) return Invalid("does not parse");
  if (!message->has_batch()) return Invalid("no batch in the message");
  const v1::Batch& batch = message->batch();
  if (absl::Status status = CheckBatch(batch); !status.ok()) return status;
  NodeBatch out;
  out.seq = batch.seq();
  if (repaired > 0) {
    out.refused.emplace_back(PLIMSOLL_DROP_INVALID_MESSAGE, repaired);
  }
  out.boot_id = BootId(batch);
  out.boottime_ns = batch.boottime_ns();
  out.wall_offset_ns = batch.wall_offset_ns();
  for (const v1::ProcessDescription& description : batch.processes()) {
    ProcessIdentity id;
    if (!DecodeIdentity(description.process(), &id) ||
        id.boot_id != out.boot_id || description.tiers_size() > kMaxTiers) {
      Refuse(PLIMSOLL_DROP_INVALID_MESSAGE, &out);
      continue;
    }
    out.processes.push_back(DecodeDescription(description));
    out.processes.back().id = std::move(id);
  }
  DecodeSnapshots(batch, &out);
  if (batch.has_node()) {
    if (NodeIsValid(batch.node())) {
      DecodeNode(batch.node(), &out);
    } else {
      Refuse(PLIMSOLL_DROP_INVALID_MESSAGE, &out);
    }
  }
  DecodeLosses(batch, &out);
  out.backing = message;
  return out;
}

std::optional<uint64_t> PeekSeq(std::string_view node_message) {
  using google::protobuf::io::CodedInputStream;
  if (node_message.size() > std::numeric_limits<int>::max()) {
    return std::nullopt;
  }
  CodedInputStream input(reinterpret_cast<const uint8_t*>(node_message.data()),
                         static_cast<int>(node_message.size()));
  // NodeMessage.batch is field 2, Batch.seq field 1, and both come first in
  // what every protobuf library writes.
  uint32_t length;
  uint64_t seq;
  if (input.ReadTag() != (2u << 3 | 2) || !input.ReadVarint32(&length) ||
      input.ReadTag() != (1u << 3 | 0) || !input.ReadVarint64(&seq)) {
    return std::nullopt;
  }
  return seq;
}

}  // namespace plimsoll::collector::rpc
