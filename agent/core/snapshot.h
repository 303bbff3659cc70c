// What was measured of one process at one moment; agent/export encodes it as
// plimsoll.v1.Snapshot. An absent part was not measured.
#ifndef PLIMSOLL_AGENT_CORE_SNAPSHOT_H_
#define PLIMSOLL_AGENT_CORE_SNAPSHOT_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/heap_census.h"
#include "agent/core/memory_sample.h"
#include "agent/core/process.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

// Pauses of one generation since the last look, from the probes.
struct GcPauses {
  int64_t count = 0;
  int64_t sum_ns = 0;
  int64_t max_ns = 0;
  int64_t collected = 0;                     // where the probe says so
  std::array<int64_t, 40> log2_ns_counts{};  // [i]: 2^i <= pause < 2^(i+1)
};

struct GcSample {
  GcState state;
  std::vector<GcPauses> pauses;  // by generation; empty when not probed
  std::string source;            // "usdt", "uprobe", "generation_stats"
};

// Cumulative requests of one process with the same attributes; or a gauge:
// state that is large or small now, such as the vehicles of a city.
struct RequestCount {
  std::string metric;
  std::vector<std::pair<std::string, std::string>> attributes;
  double value = 0;
  bool gauge = false;
};

struct RequestCounts {
  std::string source;  // "prometheus-multiprocess", ...
  std::vector<RequestCount> counts;
  double other_count = 0;  // requests
  bool capped = false;     // values were added up, or gauges left out
  bool reliable = true;
  std::string unreliable_reason;
};

struct Snapshot {
  ProcessId process;
  int64_t boottime_ns = 0;
  std::optional<MemorySample> memory;
  std::optional<GcSample> gc;
  std::optional<HeapCensus> census;
  bool census_headers_only = false;
  std::vector<StackProfile> stack_profiles;
  std::optional<RequestCounts> requests;
  std::vector<TierStatus> tiers;
  std::map<std::string, int64_t> losses;  // by drop-reason label
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_SNAPSHOT_H_
