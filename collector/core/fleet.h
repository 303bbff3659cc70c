// What the collector knows of the fleet, as plain values: the vocabulary of
// store, analysis and API. No protobuf, no SQL, no clock in here.
#ifndef PLIMSOLL_COLLECTOR_CORE_FLEET_H_
#define PLIMSOLL_COLLECTOR_CORE_FLEET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::collector {

// The store's own number for one process epoch: one life of one image of one
// process of one agent. Never reused.
using ProcessKey = int64_t;

struct WorkloadName {
  std::string cluster, ns, kind, name;
  friend auto operator<=>(const WorkloadName&, const WorkloadName&) = default;
  friend bool operator==(const WorkloadName&, const WorkloadName&) = default;
  // "cluster/namespace/kind/name", empty parts kept: the stable identity.
  std::string ToString() const {
    return cluster + "/" + ns + "/" + kind + "/" + name;
  }
};

// One service, deployed to the same or to two clusters: a fleet whose regions
// are clusters of their own has a workload of it in each.
inline bool SameService(const WorkloadName& a, const WorkloadName& b) {
  return a.ns == b.ns && a.kind == b.kind && a.name == b.name;
}

struct ProcessInfo {
  ProcessKey key = 0;
  std::string agent_id, boot_id;
  int32_t pid = 0;
  int32_t parent_pid = 0;  // 0: not known
  uint64_t start_ticks = 0;
  uint32_t exec_seq = 0;
  WorkloadName workload;
  std::string region, zone, version, image_digest, node, pod, container, owner;
  std::string command, cgroup;
  std::string python_version, python_refusal;
  int64_t start_unix_ns = 0;
  int64_t first_seen_ns = 0;  // unix time of its first and last sample
  int64_t last_seen_ns = 0;
  bool exited = false;
};

// Unix time of a sample: boot time plus the offset that was fixed when this
// boot of this node was first seen, so that differences are boot-time
// differences even when the wall clock steps.
struct Sample {
  int64_t time_ns = 0;
  double value = 0;
};

// One number of one process over time. `label` tells the series of one metric
// apart: a type name, "city=singapore,outcome=exception", a generation.
struct SeriesName {
  std::string metric;
  std::string label;
  friend auto operator<=>(const SeriesName&, const SeriesName&) = default;
  friend bool operator==(const SeriesName&, const SeriesName&) = default;
};

// Metric names. Bytes and counts of one process; cumulative ones end in _total.
namespace metric {
inline constexpr char kRss[] = "rss_bytes";
// Anonymous memory, swapped out or not: what is swapped out has not shrunk.
inline constexpr char kAnon[] = "anon_bytes";
inline constexpr char kSwap[] = "swap_bytes";
inline constexpr char kThreads[] = "threads";
inline constexpr char kOpenFds[] = "open_fds";
inline constexpr char kCgroupCurrent[] = "cgroup_current_bytes";
inline constexpr char kCgroupInactiveFile[] = "cgroup_inactive_file_bytes";
inline constexpr char kCgroupAnon[] = "cgroup_anon_bytes";
inline constexpr char kCgroupLimit[] = "cgroup_limit_bytes";
inline constexpr char kOomKills[] = "cgroup_oom_kills_total";
inline constexpr char kGcCollections[] = "gc_collections_total";  // generation
inline constexpr char kGcCollected[] = "gc_collected_total";
inline constexpr char kGcUncollectable[] = "gc_uncollectable_total";
inline constexpr char kGcPauseSum[] = "gc_pause_ns_total";
inline constexpr char kGcEnabled[] = "gc_enabled";  // by itself: 1 or 0
inline constexpr char kGcFrozen[] = "gc_frozen_objects";
inline constexpr char kGcThreshold[] = "gc_threshold";  // label: generation
// Of the oldest generation: what its last collection left, what came since.
inline constexpr char kGcLongLived[] = "gc_long_lived_objects";
inline constexpr char kGcPending[] = "gc_long_lived_pending";
inline constexpr char kLiveBytes[] = "python_live_bytes";  // all types
inline constexpr char kLiveBlocks[] = "python_live_blocks";
inline constexpr char kFreeBytes[] = "python_free_bytes";  // in its arenas
inline constexpr char kTypeObjects[] = "type_objects";     // label: type name
// Standard error of type_objects, rounded up; nothing where they were counted.
inline constexpr char kTypeObjectsError[] = "type_objects_error";
inline constexpr char kTypeBytes[] = "type_bytes";  // label: type name
inline constexpr char kNodeAvailable[] = "node_mem_available_bytes";
inline constexpr char kNodeSwapFree[] = "node_swap_free_bytes";
inline constexpr char kRequests[] = "requests_total";  // label: k=v,k=v
inline constexpr char kGauge[] = "request_gauge";      // label: as in gauges.h
}  // namespace metric

struct Frame {
  std::string function, file, module;
  int32_t line = 0;
  bool native = false;
  friend bool operator==(const Frame&, const Frame&) = default;
};

// Evidence: one ranked row "this code made (or keeps) that much of this type".
struct StackEvidence {
  std::string kind;  // "window", "birth", "native", "page", "store"
  std::string type;  // "" when not known at that probe
  int64_t objects = 0;
  int64_t bytes = 0;
  double share = 0;  // of the profile's objects of that type
  // Of a sample that was followed ("birth", "native"): how many samples, and
  // the 95 % interval of the share. samples 0: all were counted.
  int64_t samples = 0;
  double share_low = 0, share_high = 1;
  std::vector<Frame> frames;  // innermost first
  int64_t time_ns = 0;
  int64_t window_ns = 0;
  bool net_counts_refused = false;
  std::string note;  // what the figure is and is not, in words
  // Why there is nothing: a look that was asked for and could not be, or found
  // nothing that rests. Such a row has no frames and no figures.
  std::string refusal;
  friend bool operator==(const StackEvidence&, const StackEvidence&) = default;
};

// What the agent of a process was asked for.
struct CommandState {
  uint64_t id = 0;
  std::string what, outcome, reason;  // outcome "": not answered yet
  int64_t sent_ns = 0, finished_ns = 0;
};

// How much of the live blocks the newest census of a process looked at, and to
// how much of them it gave a type. Shares in [0, 1].
struct CensusShares {
  std::optional<double> examined, typed;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_FLEET_H_
