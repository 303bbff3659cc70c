// Tier 0: what /proc and the cgroup say of a process' memory. All in bytes.
#ifndef PLIMSOLL_AGENT_CORE_MEMORY_SAMPLE_H_
#define PLIMSOLL_AGENT_CORE_MEMORY_SAMPLE_H_

#include <cstdint>
#include <optional>
#include <string>

namespace plimsoll::core {

// The tightest ancestor: the one whose limit is nearest, which is the one that
// kills. limit_bytes is absent when no ancestor sets a limit.
struct CgroupMemory {
  std::string path;
  int version = 0;  // 1 or 2
  int64_t current_bytes = 0;
  std::optional<int64_t> limit_bytes;
  int64_t anon_bytes = 0;
  int64_t inactive_file_bytes = 0;  // reclaimable: no pressure
  int64_t oom_kills = 0;
  int64_t oom_events = 0;
  int64_t peak_bytes = 0;
};

struct MemorySample {
  int64_t rss_bytes = 0;
  int64_t anon_bytes = 0;
  int64_t file_bytes = 0;
  int64_t shmem_bytes = 0;
  int64_t swap_bytes = 0;
  int32_t threads = 0;
  int32_t open_fds = -1;  // -1: not readable
  int64_t minor_faults = 0;
  int64_t major_faults = 0;
  std::optional<CgroupMemory> cgroup;
  bool exited = false;
  bool oom_killed = false;
};

struct NodeSample {
  int64_t mem_total_bytes = 0;
  int64_t mem_available_bytes = 0;
  int64_t swap_free_bytes = 0;
  int64_t oom_kills = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_MEMORY_SAMPLE_H_
