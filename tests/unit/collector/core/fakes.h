// The analysis' ports in memory.
#ifndef PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_FAKES_H_
#define PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_FAKES_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collector/core/incident/incident_ports.h"
#include "collector/core/observation.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

class FakeFleet : public FleetReader {
 public:
  // Stores what ingest would of one snapshot.
  void Add(const ProcessInfo& info, const Observation& o) {
    processes[info.key] = info;
    processes[info.key].last_seen_ns = o.time_ns;
    if (o.anon_bytes)
      Put(info.key, {metric::kAnon, ""}, o.time_ns, *o.anon_bytes);
    if (o.cgroup_usage_bytes) {
      Put(info.key, {metric::kCgroupCurrent, ""}, o.time_ns,
          *o.cgroup_usage_bytes);
    }
    if (o.limit_bytes) {
      Put(info.key, {metric::kCgroupLimit, ""}, o.time_ns, *o.limit_bytes);
    }
    for (const TypeObservation& t : o.types) {
      Put(info.key, {metric::kTypeObjects, t.type}, o.time_ns, t.objects);
      Put(info.key, {metric::kTypeBytes, t.type}, o.time_ns, t.bytes);
    }
  }
  void Put(ProcessKey process, const SeriesName& name, int64_t t, double v) {
    series[{process, name}].push_back({t, v});
  }

  absl::StatusOr<std::vector<ProcessInfo>> Processes(
      int64_t since_ns) const override {
    std::vector<ProcessInfo> out;
    for (const auto& [key, info] : processes) {
      if (info.last_seen_ns >= since_ns) out.push_back(info);
    }
    return out;
  }
  absl::StatusOr<std::vector<SeriesName>> Series(
      ProcessKey process, const std::string& metric) const override {
    std::vector<SeriesName> out;
    for (const auto& [key, samples] : series) {
      if (key.first == process && key.second.metric == metric) {
        out.push_back(key.second);
      }
    }
    return out;
  }
  absl::StatusOr<std::vector<Sample>> Read(ProcessKey process,
                                           const SeriesName& name,
                                           int64_t from_ns,
                                           int64_t to_ns) const override {
    if (!fail.ok()) return fail;
    std::vector<Sample> out;
    const auto at = series.find({process, name});
    if (at == series.end()) return out;
    for (const Sample& s : at->second) {
      if (s.time_ns >= from_ns && s.time_ns < to_ns) out.push_back(s);
    }
    return out;
  }
  absl::StatusOr<std::vector<StackEvidence>> Stacks(
      ProcessKey process, int64_t from_ns, int64_t to_ns) const override {
    std::vector<StackEvidence> out;
    const auto at = stacks.find(process);
    if (at == stacks.end()) return out;
    for (const StackEvidence& s : at->second) {
      if (s.time_ns >= from_ns && s.time_ns < to_ns) out.push_back(s);
    }
    return out;
  }
  absl::StatusOr<CensusShares> Census(ProcessKey) const override {
    return census;
  }
  absl::StatusOr<std::optional<CommandState>> NewestCommand(
      ProcessKey process) const override {
    const auto at = commands.find(process);
    if (at == commands.end()) return std::optional<CommandState>();
    return std::optional<CommandState>(at->second);
  }
  std::optional<double> NodeSwapFreeBytes(const std::string&) const override {
    return node_swap_free;
  }
  std::optional<double> NodeAvailableBytes(const std::string&) const override {
    return node_available;
  }

  std::map<ProcessKey, ProcessInfo> processes;
  std::map<std::pair<ProcessKey, SeriesName>, std::vector<Sample>> series;
  std::map<ProcessKey, std::vector<StackEvidence>> stacks;
  std::map<ProcessKey, CommandState> commands;
  CensusShares census{0.994, 0.97};
  std::optional<double> node_available, node_swap_free;
  absl::Status fail;
};

class FakeRequester : public EvidenceRequester {
 public:
  absl::Status RequestWindow(ProcessKey process,
                             const std::vector<std::string>& types,
                             int64_t) override {
    asked.emplace_back(process, types);
    return answer;
  }
  absl::Status RequestNative(ProcessKey process, int64_t) override {
    asked_native.push_back(process);
    return answer;
  }
  std::vector<std::pair<ProcessKey, std::vector<std::string>>> asked;
  std::vector<ProcessKey> asked_native;
  absl::Status answer;
};

class FakeIncidentStore : public IncidentStore {
 public:
  absl::Status Save(const IncidentRecord& record) override {
    records[record.id] = record;
    return absl::OkStatus();
  }
  absl::Status Delete(const std::string& id) override {
    records.erase(id);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<IncidentRecord>> Load(
      int64_t resolved_since_ns) const override {
    std::vector<IncidentRecord> out;
    for (const auto& [id, r] : records) {
      if (r.resolved_ns == 0 || r.resolved_ns >= resolved_since_ns) {
        out.push_back(r);
      }
    }
    return out;
  }
  std::map<std::string, IncidentRecord> records;
};

class FakeNotifier : public Notifier {
 public:
  void Notify(const Notification& n) override { said.push_back(n); }
  std::vector<Receipt> TakeReceipts() override {
    return std::exchange(receipts, {});
  }
  std::vector<Receipt> receipts;
  std::vector<Notification> said;
};

class FakeSilences : public SilenceReader {
 public:
  std::optional<Silence> Silencing(
      const std::map<std::string, std::string>& labels,
      int64_t now_ns) const override {
    const auto workload = labels.find("workload");
    if (!silence || silence->ends_at_ns <= now_ns || workload == labels.end() ||
        workload->second != silenced) {
      return std::nullopt;
    }
    if (!severity.empty() && labels.at("severity") != severity) {
      return std::nullopt;
    }
    return silence;
  }
  std::string silenced, severity;  // "" of the latter: any
  std::optional<Silence> silence;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_FAKES_H_
