#include "collector/core/judge_fleet.h"

#include <algorithm>

#include "collector/core/diagnosis_stored.h"
#include "collector/core/instances.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kAliveNs = 600 * kSecond;
constexpr int64_t kDayNs = 86400 * kSecond;

absl::StatusOr<std::optional<double>> Newest(const FleetReader& reader,
                                             ProcessKey process,
                                             const char* metric,
                                             int64_t now_ns) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto samples,
      reader.Read(process, {metric, ""}, now_ns - kAliveNs, now_ns + 1));
  if (samples.empty()) return std::optional<double>();
  return std::optional<double>(samples.back().value);
}

absl::StatusOr<JudgementInput> InputOf(const FleetReader& reader,
                                       const ProcessInfo& info,
                                       int64_t now_ns) {
  const ProcessKey process = info.key;
  JudgementInput input;
  input.node_available_bytes = reader.NodeAvailableBytes(info.agent_id);
  PLIMSOLL_ASSIGN_OR_RETURN(
      input.anon,
      reader.Read(process, {metric::kAnon, ""}, now_ns - kDayNs, now_ns + 1));
  PLIMSOLL_ASSIGN_OR_RETURN(
      input.limit_bytes, Newest(reader, process, metric::kCgroupLimit, now_ns));
  PLIMSOLL_ASSIGN_OR_RETURN(
      input.usage_bytes,
      Newest(reader, process, metric::kCgroupCurrent, now_ns));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto inactive,
      Newest(reader, process, metric::kCgroupInactiveFile, now_ns));
  if (input.usage_bytes && inactive) *input.usage_bytes -= *inactive;
  return input;
}

AffectedProcess Affected(const ProcessInfo& info, const ProcessJudgement& j,
                         const JudgementInput& input) {
  AffectedProcess p;
  p.process = info.key;
  p.pid = info.pid;
  p.pod = info.pod;
  p.node = info.node;
  p.region = info.region;
  p.version = info.version;
  p.limit_of_node = input.limit_bytes.value_or(0) <= 0;
  p.instance = InstanceOf(info, !p.limit_of_node);
  p.bytes_per_s = j.bytes_per_s;
  p.usage_bytes = input.usage_bytes;
  p.limit_bytes = input.limit_bytes;
  p.time_to_limit = j.time_to_limit;
  p.leaking = true;
  return p;
}

void Summarise(WorkloadJudgement& w) {
  std::stable_sort(w.processes.begin(), w.processes.end(),
                   [](const AffectedProcess& a, const AffectedProcess& b) {
                     return a.bytes_per_s.value > b.bytes_per_s.value;
                   });
  Incident draft;
  SummariseInstances(GroupInstances(w.processes), draft);
  w.bytes_per_s = draft.bytes_per_s;
  w.time_to_limit = draft.time_to_limit;
}

// Shares of the worst process' growth, and the cause that they name.
absl::Status NameCause(const FleetReader& reader, const Thresholds& thresholds,
                       int64_t now_ns, WorkloadJudgement& w) {
  Incident draft;
  draft.processes = w.processes;
  draft.window_s = w.window_s;
  absl::Status status = ReadShares(reader, now_ns, draft);
  w.shares = draft.shares;
  w.cause = CauseOf(w.shares, thresholds.cause);
  return status;
}

}  // namespace

FleetJudgement JudgeFleet(const FleetReader& reader,
                          const Thresholds& thresholds,
                          Confirmations& confirmations, int64_t now_ns) {
  FleetJudgement fleet;
  const auto processes = reader.Processes(now_ns - kAliveNs);
  if (!processes.ok()) {
    fleet.first_error = processes.status();
    return fleet;
  }
  std::map<WorkloadName, WorkloadJudgement> by_workload;
  for (const ProcessInfo& info : *processes) {
    if (info.exited) continue;
    const auto input = InputOf(reader, info, now_ns);
    if (!input.ok()) {
      fleet.first_error.Update(input.status());
      continue;
    }
    ++fleet.processes_judged;
    const ProcessJudgement j =
        JudgeProcess(*input, thresholds.judgement, now_ns);
    if (!confirmations.Add(info.key, j, now_ns)) continue;
    fleet.standing[info.key] = j;
    WorkloadJudgement& w = by_workload[info.workload];
    w.workload = info.workload;
    w.page = w.page || j.page;
    w.window_s = std::max(w.window_s, j.window_s);
    w.processes.push_back(Affected(info, j, *input));
  }
  for (auto& [name, w] : by_workload) {
    Summarise(w);
    fleet.first_error.Update(NameCause(reader, thresholds, now_ns, w));
    if (!MayTicket(w.cause)) continue;
    w.page = w.page && MayPage(w.cause);
    fleet.workloads.insert(name);
    fleet.found.push_back(std::move(w));
  }
  return fleet;
}

}  // namespace plimsoll::collector
