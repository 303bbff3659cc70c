// What the analysis needs of the world. collector/store implements the readers
// over SQLite; tests and backtests give in-memory ones. Implementations are
// safe to call from the analysis thread while ingest goes on.
#ifndef PLIMSOLL_COLLECTOR_CORE_PORTS_H_
#define PLIMSOLL_COLLECTOR_CORE_PORTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/fleet.h"

namespace plimsoll::collector {

class FleetReader {
 public:
  virtual ~FleetReader() = default;
  // Processes seen at or after `since_ns`, all when 0.
  virtual absl::StatusOr<std::vector<ProcessInfo>> Processes(
      int64_t since_ns) const = 0;
  virtual absl::StatusOr<std::vector<SeriesName>> Series(
      ProcessKey process, const std::string& metric) const = 0;
  // Samples with from_ns <= time_ns < to_ns, in time order. Empty when the
  // series does not exist.
  virtual absl::StatusOr<std::vector<Sample>> Read(ProcessKey process,
                                                   const SeriesName& series,
                                                   int64_t from_ns,
                                                   int64_t to_ns) const = 0;
  // Newest first.
  virtual absl::StatusOr<std::vector<StackEvidence>> Stacks(
      ProcessKey process, int64_t from_ns, int64_t to_ns) const = 0;
  virtual absl::StatusOr<CensusShares> Census(ProcessKey process) const = 0;
  // The newest command to the agent of the process; nothing if there is none.
  virtual absl::StatusOr<std::optional<CommandState>> NewestCommand(
      ProcessKey process) const = 0;
  // What the node of an agent has left before it kills, MemAvailable and free
  // swap, and the swap in it; the newest, nothing if not known.
  virtual std::optional<double> NodeAvailableBytes(
      const std::string& agent_id) const = 0;
  virtual std::optional<double> NodeSwapFreeBytes(
      const std::string& agent_id) const = 0;
};

// What an agent is asked for, as CommandState::what.
namespace command {
inline constexpr char kOpenWindow[] = "open_window";
inline constexpr char kSampleNative[] = "sample_native";
}  // namespace command

// Asks the agent of a process for evidence; the answer arrives in the store.
class EvidenceRequester {
 public:
  virtual ~EvidenceRequester() = default;
  // Tier 4: a window on the typed allocators, for these types (all if empty).
  virtual absl::Status RequestWindow(ProcessKey process,
                                     const std::vector<std::string>& types,
                                     int64_t duration_ns) = 0;
  // Tier 5: native memory followed to what stays, for so long at the least.
  virtual absl::Status RequestNative(ProcessKey process,
                                     int64_t duration_ns) = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_PORTS_H_
