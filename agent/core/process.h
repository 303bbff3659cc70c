// Who a process is, as values. Plain data: any thread may copy it.
#ifndef PLIMSOLL_AGENT_CORE_PROCESS_H_
#define PLIMSOLL_AGENT_CORE_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::core {

// One life of one program image on this node. The kernel keeps the start time
// across exec, so exec_seq tells the images of one pid apart. The boot id is
// the node's and is added where a ProcessId leaves the node.
struct ProcessId {
  int32_t pid = 0;           // in the initial PID namespace
  uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat, in USER_HZ
  uint32_t exec_seq = 0;

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ProcessId& id) {
    return H::combine(std::move(h), id.pid, id.start_ticks, id.exec_seq);
  }
};

// cluster / namespace / kind / name. Region, zone and version are attributes
// of a process, never part of the workload.
struct Workload {
  std::string cluster;
  std::string ns;    // namespace
  std::string kind;  // "service", "systemd", "command", "Deployment", ...
  std::string name;
  std::string source;  // where the name was read: "otel-env", "cgroup", "argv"
  friend bool operator==(const Workload&, const Workload&) = default;
};

// What /proc and the environment say of a process, once per image.
struct ProcessDescription {
  ProcessId id;
  Workload workload;
  std::string region;
  std::string zone;
  std::string version;  // of the service, not of Python
  std::string image_digest;
  std::string pod;
  std::string container;
  std::string owner;
  std::string command;  // program and script; never the arguments' values
  int32_t parent_pid = 0;
  int32_t namespace_pid = 0;  // its pid in its innermost PID namespace
  int64_t start_unix_ns = 0;
  std::string cgroup;
};

// The tiers of the design, cheapest first. The values equal plimsoll.v1.Tier.
enum class Tier : uint8_t {
  kMemory = 1,
  kGc = 2,
  kHeaders = 3,
  kCensus = 4,
  kStacks = 5,
  kNative = 6,
  kHolders = 7,
  kRequests = 8,
};

// Whether a tier works for a process, and how; `reason` is a sentence for
// people when it does not, or when a part of it does not.
struct TierStatus {
  Tier tier = Tier::kMemory;
  bool ok = false;
  std::string reason;
  std::string rung;  // "usdt", "uprobe_multi", "tracefs", "perf", "read"
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_PROCESS_H_
