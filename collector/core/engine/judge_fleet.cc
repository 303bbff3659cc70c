#include "collector/core/engine/judge_fleet.h"

#include <algorithm>
#include <cmath>

#include "collector/core/diagnosis/diagnosis_stored.h"
#include "collector/core/diagnosis/instances.h"
#include "collector/core/growth/false_discovery.h"
#include "collector/core/growth/growth_measure.h"
#include "collector/core/growth/judge_over_version.h"
#include "collector/core/growth/judge_types.h"
#include "collector/core/growth/judge_used.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kAliveNs = 600 * kSecond;

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
                                       const KnownLife& life, int64_t now_ns) {
  const ProcessKey process = life.info.key;
  JudgementInput input;
  input.node_available_bytes = reader.NodeAvailableBytes(life.info.agent_id);
  if (life.limit_bytes > 0) input.limit_bytes = life.limit_bytes;
  PLIMSOLL_ASSIGN_OR_RETURN(
      input.usage_bytes,
      Newest(reader, process, metric::kCgroupCurrent, now_ns));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto inactive,
      Newest(reader, process, metric::kCgroupInactiveFile, now_ns));
  if (input.usage_bytes && inactive) *input.usage_bytes -= *inactive;
  if (!input.usage_bytes) input.usage_bytes = life.log.newest_value();
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
  p.model_limited = j.model_limited;
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

// One process of a tick.
struct Judged {
  const KnownLife* life = nullptr;
  size_t at = 0;  // of its workload's lives
  JudgementInput input;
  ProcessJudgement judgement;
  const TypeLives* by_type = nullptr;  // what the judgement is by, if by one
};

bool Holds(const ProcessJudgement& j) { return j.page || j.ticket; }

std::vector<StandsBeside> Alive(std::vector<Judged>& judged) {
  std::vector<StandsBeside> alive;
  for (Judged& one : judged) {
    alive.push_back({one.at, &one.input, &one.judgement});
  }
  return alive;
}

// Those that do not leak by their memory, by what rises in them. Adds the z of
// each test.
void JudgeTypes(const WorkloadLives& lives, const std::vector<TypeLives>& types,
                const JudgementThresholds& by_type, int64_t now_ns,
                std::vector<Judged>& judged, std::vector<double>& zs) {
  if (types.empty()) return;
  for (Judged& one : judged) {
    if (Holds(one.judgement)) continue;
    JudgedByType found = JudgeLifeByTypes(types, lives.lives, one.at, one.input,
                                          by_type, now_ns);
    zs.insert(zs.end(), found.zs.begin(), found.zs.end());
    if (found.type == nullptr) continue;
    one.judgement = std::move(found.judgement);
    one.by_type = found.type;
  }
  for (const TypeLives& type : types) {
    JudgeTypeOverVersion(lives, type, Alive(judged), by_type, now_ns);
    for (Judged& one : judged) {
      if (one.judgement.by_type != type.type || one.by_type != nullptr)
        continue;
      one.by_type = &type;
      zs.push_back(one.judgement.z);
    }
  }
}

JudgedLife ByType(const WorkloadLives& lives, const Judged& one,
                  const JudgementThresholds& by_type, int64_t now_ns) {
  return {one.by_type->lives, one.at, one.input, by_type, now_ns, &lives.lives};
}

// Pods that each grow, none of them surely, are sure together: their errors are
// independent, their leak is one.
void Pool(const JudgementThresholds& thresholds, std::vector<Judged>& judged) {
  double z = 0, value = 0, variance = 0, n = 0;
  for (const Judged& one : judged) {
    const ProcessJudgement& j = one.judgement;
    if (!j.ticket && !j.all_but_sure) continue;
    const double half = j.bytes_per_s.value - j.bytes_per_s.lo;
    z += j.z;
    value += j.bytes_per_s.value;
    variance += half * half;
    n += 1;
  }
  if (n < 2 ||
      n < thresholds.min_pooled_share * static_cast<double>(judged.size()) ||
      z < thresholds.min_pooled_z * std::sqrt(n) ||
      value <= std::sqrt(variance)) {
    return;
  }
  for (Judged& one : judged) {
    ProcessJudgement& j = one.judgement;
    if (!j.all_but_sure) continue;
    j.grows = j.ticket = true;
    j.z = std::max(j.z, z / std::sqrt(n));
    j.why_not.clear();
  }
}

// By the bytes in use where they are known: healthy growth of what allocators
// keep is then not in the rate.
JudgedLife Measurable(const WorkloadLives& lives, const Judged& one,
                      const Thresholds& thresholds, int64_t now_ns) {
  const bool covered = IsCovered(lives.used[one.at], lives.lives[one.at]) &&
                       one.judgement.no_leak == Verdict::kUnknown;
  return {covered ? lives.used : lives.lives,
          one.at,
          one.input,
          thresholds.judgement,
          now_ns,
          covered ? &lives.lives : nullptr};
}

// What allocators keep is named by that, where no process leaks beside.
std::optional<Verdict> KeptOnly(const std::vector<Judged*>& standing) {
  std::optional<Verdict> kept;
  for (const Judged* one : standing) {
    if (one->judgement.no_leak == Verdict::kUnknown) return std::nullopt;
    kept = one->judgement.no_leak;
  }
  return kept;
}

std::vector<Judged> JudgeWorkload(const FleetReader& reader,
                                  const JudgementThresholds& thresholds,
                                  const Confirmations& confirmations,
                                  const WorkloadLives& lives, int64_t now_ns,
                                  absl::Status& first_error) {
  std::vector<Judged> out;
  for (size_t i = 0; i < lives.known.size(); ++i) {
    if (!lives.known[i].alive) continue;
    const auto input = InputOf(reader, lives.known[i], now_ns);
    if (!input.ok()) {
      first_error.Update(input.status());
      continue;
    }
    // What stands is said with its slope, grow it or not.
    const Depth depth = confirmations.Stands(lives.known[i].info.key)
                            ? Depth::kInFull
                            : Depth::kToClaim;
    out.push_back({&lives.known[i], i, *input,
                   JudgeLifeByUse(lives.lives, lives.used, i, *input,
                                  thresholds, now_ns, depth),
                   nullptr});
  }
  return out;
}

// One window for all, so that their mean is of one time.
void MeasureAll(const WorkloadLives& lives, const Thresholds& thresholds,
                int64_t now_ns, const std::vector<Judged*>& standing,
                FleetJudgement& fleet, WorkloadJudgement& w) {
  std::vector<JudgedLife> leaking;
  for (const Judged* one : standing) {
    leaking.push_back(one->by_type != nullptr
                          ? ByType(lives, *one, thresholds.judgement, now_ns)
                          : Measurable(lives, *one, thresholds, now_ns));
  }
  w.window_s = ChooseWindow(leaking, w.window_s);
  for (size_t i = 0; i < standing.size(); ++i) {
    Judged* one = standing[i];
    auto measured = MeasureGrowth(leaking[i], w.window_s, leaking.size());
    if (measured && one->by_type != nullptr) {
      const auto memory =
          MeasureGrowth(Measurable(lives, *one, thresholds, now_ns), w.window_s,
                        leaking.size());
      if (memory) AddWhatItOwns(*memory, *measured);
    }
    if (measured) {
      one->judgement.bytes_per_s = measured->bytes_per_s;
      one->judgement.time_to_limit = measured->time_to_limit;
      one->judgement.model_limited = measured->model_limited;
      one->judgement.may_be_none = measured->may_be_none;
    } else {
      one->judgement.may_be_none = one->judgement.bytes_per_s.lo <= 0;
    }
    one->judgement.window_s = w.window_s;
    fleet.standing[one->life->info.key] = one->judgement;
    w.processes.push_back(
        Affected(one->life->info, one->judgement, one->input));
  }
}

// What rises by type is Python's.
bool IsAllByType(const std::vector<Judged*>& standing) {
  return std::all_of(standing.begin(), standing.end(),
                     [](const Judged* one) { return one->by_type != nullptr; });
}

// An incident is not opened for a rate that may be none.
bool MayBeNone(const std::vector<Judged*>& standing) {
  return std::all_of(standing.begin(), standing.end(), [](const Judged* one) {
    return one->judgement.may_be_none;
  });
}

void ShowOthers(const std::map<WorkloadName, std::vector<Judged>>& judged,
                FleetJudgement& fleet) {
  for (const auto& [name, mine] : judged) {
    if (mine.empty() || fleet.workloads.contains(name)) continue;
    std::vector<const ProcessJudgement*> processes;
    for (const Judged& one : mine) processes.push_back(&one.judgement);
    fleet.shown.emplace(name, ShownOfAll(processes));
  }
}

}  // namespace

void Fill(const WorkloadJudgement& judgement, Incident& incident) {
  incident.page = judgement.page;
  incident.processes = judgement.processes;
  incident.shares = judgement.shares;
  incident.window_s = judgement.window_s;
  incident.bytes_per_s = judgement.bytes_per_s;
  incident.time_to_limit = judgement.time_to_limit;
  incident.version_onset = judgement.onset;
}

FleetJudgement JudgeFleet(const FleetReader& reader,
                          const Thresholds& thresholds, FleetState& state,
                          int64_t now_ns) {
  FleetJudgement fleet;
  const JudgementThresholds& t = thresholds.judgement;
  fleet.first_error = state.lives.Update(reader, now_ns);
  fleet.first_error.Update(state.types.Update(reader, state.lives.workloads(),
                                              t.assumed_limit_bytes, now_ns));
  const JudgementThresholds by_type = OfOneType(t);
  std::map<WorkloadName, std::vector<Judged>> judged;
  std::map<WorkloadName, std::optional<VersionOnset>> onsets;
  std::vector<double> zs, type_zs;
  for (const auto& [name, lives] : state.lives.workloads()) {
    std::vector<Judged>& mine = judged[name];
    mine = JudgeWorkload(reader, t, state.confirmations, lives, now_ns,
                         fleet.first_error);
    Pool(t, mine);
    onsets[name] = JudgeOverVersion(lives, Alive(mine), t, now_ns);
    for (const Judged& j : mine) zs.push_back(j.judgement.z);
    JudgeTypes(lives, state.types.Of(name), by_type, now_ns, mine, type_zs);
  }
  fleet.processes_judged = static_cast<int64_t>(zs.size());
  const double least_z = LeastZ(zs, t.false_discovery_rate);
  const double least_type_z =
      LeastZ(type_zs, t.false_discovery_rate, state.types.screened());
  for (auto& [name, mine] : judged) {
    WorkloadJudgement w;
    w.workload = name;
    w.onset = onsets[name];
    std::vector<Judged*> standing;
    for (Judged& one : mine) {
      ProcessJudgement& j = one.judgement;
      if (j.z < (one.by_type == nullptr ? least_z : least_type_z)) {
        j.page = j.ticket = false;
      }
      if (!state.confirmations.Add(one.life->info.key, j, now_ns)) continue;
      standing.push_back(&one);
      w.page = w.page || j.page;
      w.window_s = std::max(w.window_s, j.window_s);
    }
    if (standing.empty()) continue;
    MeasureAll(state.lives.workloads().at(name), thresholds, now_ns, standing,
               fleet, w);
    if (MayBeNone(standing)) continue;
    Summarise(w);
    fleet.first_error.Update(NameCause(reader, thresholds, now_ns, w));
    w.cause = KeptOnly(standing).value_or(
        IsAllByType(standing) ? Verdict::kPythonObject : w.cause);
    if (!MayTicket(w.cause)) continue;
    w.page = w.page && MayPage(w.cause);
    fleet.workloads.insert(name);
    fleet.found.push_back(std::move(w));
  }
  ShowOthers(judged, fleet);
  return fleet;
}

}  // namespace plimsoll::collector
