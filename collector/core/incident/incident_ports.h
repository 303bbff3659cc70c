// What the incident engine needs beyond FleetReader and EvidenceRequester.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_PORTS_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_PORTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/incident/incident.h"

namespace plimsoll::collector {

// One incident as it is stored: columns to select by, the whole as JSON (which
// the HTTP API may serve as it is).
struct IncidentRecord {
  std::string id;        // primary key
  std::string workload;  // WorkloadName::ToString()
  std::string cause;
  std::string state;  // "pending", "firing", "resolved"
  int64_t opened_ns = 0;
  int64_t updated_ns = 0;
  int64_t resolved_ns = 0;  // 0: open
  std::string json;
};

class IncidentStore {
 public:
  virtual ~IncidentStore() = default;
  // Inserts or replaces by id.
  virtual absl::Status Save(const IncidentRecord& record) = 0;
  // A suspicion that went away before it fired.
  virtual absl::Status Delete(const std::string& id) = 0;
  // All that are open, and those resolved at or after `resolved_since_ns`.
  virtual absl::StatusOr<std::vector<IncidentRecord>> Load(
      int64_t resolved_since_ns) const = 0;
};

// What is said to people about one incident. Labels are its identity; numbers
// are in the annotations only.
struct Notification {
  std::string incident_id;
  bool resolved = false;
  bool silenced =
      false;  // told to nobody but Alertmanager, whose silence it is
  std::vector<Told> told;  // before a restart of ours
  int64_t starts_at_ns = 0;
  int64_t ends_at_ns = 0;  // of a resolved one
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  // What a person would act on: where it changes, a channel that people read
  // is told again. The numbers that change at each look are not in it.
  std::string gist;
  std::string generator_url;

  // "page", "ticket" or "resolved".
  std::string Status() const;
};

// A target has accepted an incident's status.
struct Receipt {
  std::string incident_id;
  Told told;
};

// Delivers, repeats and retries on a thread of its own. Notify never blocks
// and replaces what was said of the same incident before.
class Notifier {
 public:
  virtual ~Notifier() = default;
  virtual void Notify(const Notification& notification) = 0;
  // Those since the last call. The caller keeps them with the incident, so
  // that a restart pages nobody twice and forgets no end.
  virtual std::vector<Receipt> TakeReceipts() = 0;
};

// One target's record, for /metrics and the board. Counts since start.
struct TargetStatus {
  std::string target;      // as in Told: no secret is in it
  int64_t sent = 0;        // requests that were accepted
  int64_t failed = 0;      // requests that were not
  int64_t waiting = 0;     // incidents that it is still to be told of
  std::string last_error;  // empty after a success
};

// The same of an Alertmanager whose silences are read.
struct SilenceSourceStatus {
  std::string url;
  int64_t reads = 0, failures = 0;  // since start
  int64_t silences = 0;             // active, at the last read
  int64_t unreadable = 0;           // were passed over, at the last read
  std::string last_error;           // empty after a success
};

// The silences of the user's Alertmanager. Any thread; does no I/O.
class SilenceReader {
 public:
  virtual ~SilenceReader() = default;
  // The one that holds for these labels the longest; nothing if none does.
  virtual std::optional<Silence> Silencing(
      const std::map<std::string, std::string>& labels,
      int64_t now_ns) const = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_INCIDENT_PORTS_H_
