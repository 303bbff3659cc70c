// What the incident engine needs beyond FleetReader and EvidenceRequester.
#ifndef PLIMSOLL_COLLECTOR_CORE_INCIDENT_PORTS_H_
#define PLIMSOLL_COLLECTOR_CORE_INCIDENT_PORTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/incident.h"

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

// What is said to people about one incident. Labels are its identity and never
// change; numbers are in the annotations only.
struct Notification {
  std::string incident_id;
  bool resolved = false;
  bool said_before = false;  // delivered as it is, before a restart
  int64_t starts_at_ns = 0;
  int64_t ends_at_ns = 0;  // of a resolved one
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::string generator_url;
};

// Delivers, repeats and retries on a thread of its own. Notify never blocks
// and replaces what was said of the same incident before.
class Notifier {
 public:
  virtual ~Notifier() = default;
  virtual void Notify(const Notification& notification) = 0;
  // Everyone it is for has it as firing.
  virtual bool Delivered(const std::string& incident_id) const = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INCIDENT_PORTS_H_
