#include "collector/core/diagnosis/diagnosis_stored.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "collector/core/diagnosis/pooled_stacks.h"
#include "collector/core/growth/false_discovery.h"
#include "collector/core/stats/robust_slope.h"
#include "collector/core/types/type_growth.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kEvidenceBeforeNs = 600 * kSecond;
constexpr size_t kMostStacks = 10;
constexpr size_t kMostTypes = 10;
constexpr size_t kMostTypePoints = 100;
constexpr size_t kMostTypeProcesses = 4;
constexpr double kInflation = 1.4;  // as the judgement's
// Of the types that are named: what may be chance; and how sure each is alone.
constexpr double kFalseTypes = 0.01, kLeastTypeZ = 2.6;

const AffectedProcess* Worst(const Incident& incident) {
  return incident.processes.empty() || !incident.processes.front().leaking
             ? nullptr
             : &incident.processes.front();
}

// Lower is better; -1: not of this incident.
int TypeRank(const Incident& incident, const std::string& type) {
  if (type.empty()) return 1000;
  for (size_t i = 0; i < incident.types.size(); ++i) {
    if (incident.types[i].type == type) return static_cast<int>(i);
  }
  return -1;
}

// Native rows have no type; they lead where native memory is what grows.
int RowRank(const Incident& incident, const StackEvidence& row) {
  return row.kind == "native" && incident.cause == Verdict::kNative
             ? 0
             : TypeRank(incident, row.type);
}

int KindRank(const std::string& kind) {
  // Followed to what stays.
  if (kind == "birth" || kind == "native") return 0;
  if (kind == "window") return 1;
  return kind == "page" ? 2 : -1;
}

// Where births of the first type could not be followed (large objects): the
// type with more of the growth whose births were, "" if there is none.
std::string FollowedInstead(const Incident& incident,
                            const std::vector<StackEvidence>& found) {
  std::string best;
  double most = incident.types.empty() ? 0 : incident.types.front().share;
  for (const StackEvidence& s : found) {
    if (s.kind != "birth") continue;
    const int rank = TypeRank(incident, s.type);
    if (rank == 0) return "";
    if (rank < 0 || rank >= static_cast<int>(incident.types.size())) continue;
    const double share = incident.types[static_cast<size_t>(rank)].share;
    if (share <= most) continue;
    most = share;
    best = s.type;
  }
  return best;
}

bool IsFollowed(const StackEvidence& row) {
  return row.kind == "birth" || row.kind == "native";
}

// The newest reason, where none of the rows was followed to what stays.
std::string FollowProblem(const std::vector<StackEvidence>& refused,
                          const std::vector<StackEvidence>& found) {
  if (std::any_of(found.begin(), found.end(), IsFollowed)) return "";
  const StackEvidence* newest = nullptr;
  for (const StackEvidence& row : refused) {
    if (!IsFollowed(row)) continue;
    if (newest == nullptr || row.time_ns > newest->time_ns) newest = &row;
  }
  return newest == nullptr ? "" : newest->refusal;
}

// Why a look that is over brought nothing; "" when it is done.
std::string ProblemOf(const CommandState& command) {
  if (command.outcome == "done") return "";
  const std::string how = command.outcome == "refused"        ? "was refused"
                          : command.outcome == "process_gone" ? "came too late"
                                                              : "failed";
  const std::string what = command.what == command::kSampleNative
                               ? "the look at native memory "
                               : "the window ";
  return what + how + ": " +
         (command.reason.empty() ? "no reason given" : command.reason);
}

absl::StatusOr<Epoch> ReadEpoch(const FleetReader& reader, ProcessKey process,
                                const SeriesName& name, int64_t from,
                                int64_t to) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::vector<Sample> samples,
                            reader.Read(process, name, from, to));
  Epoch epoch;
  const size_t step = 1 + samples.size() / kMostTypePoints;
  for (size_t i = 0; i < samples.size(); i += step) {
    epoch.push_back({static_cast<double>(samples[i].time_ns - from) / 1e9,
                     samples[i].value});
  }
  return epoch;
}

// One type of one process.
struct TypeTest {
  std::string type;
  Estimate objects_per_s;
  double z = 0;
};

// The trend test's alone is too sure in its tail: of few censuses, numbers that
// follow the last one's have a trend more often than it says. So that of the
// slope's t counts too where it is less, as the z that is as likely.
double CautiousZ(const SlopeFit& fit) {
  const double dof = std::max(1, fit.points - 2);
  const boost::math::students_t t(dof);
  const double width = boost::math::quantile(t, 0.975);
  const double error = (fit.slope.value - fit.slope.lo) / width;
  if (error <= 0) return fit.z;
  const double chance =
      boost::math::cdf(boost::math::complement(t, fit.slope.value / error));
  const boost::math::normal normal;
  return std::min(fit.z, boost::math::quantile(boost::math::complement(
                             normal, std::clamp(chance, 1e-300, 0.5))));
}

// Of those whose number changes at all: the others can claim nothing, and so
// are no tests (Tarone, Biometrics 46, 1990).
absl::StatusOr<std::vector<TypeTest>> TestTypes(const FleetReader& reader,
                                                ProcessKey process,
                                                int64_t from, int64_t to) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto names,
                            reader.Series(process, metric::kTypeObjects));
  std::vector<TypeTest> tests;
  for (const SeriesName& name : names) {
    PLIMSOLL_ASSIGN_OR_RETURN(const Epoch objects,
                              ReadEpoch(reader, process, name, from, to));
    const bool changes =
        std::any_of(objects.begin(), objects.end(),
                    [&](const Point& p) { return p.y != objects.front().y; });
    if (!changes) continue;
    const auto fit = FitSlope(objects, kInflation);
    if (fit) tests.push_back({name.label, fit->slope, CautiousZ(*fit)});
  }
  return tests;
}

// Those that are sure enough among so many.
absl::StatusOr<std::vector<TypeTrend>> RisingTypes(
    const FleetReader& reader, ProcessKey process,
    const std::vector<TypeTest>& tests, double least_z, int64_t from,
    int64_t to) {
  std::vector<TypeTrend> rising;
  for (const TypeTest& test : tests) {
    if (test.objects_per_s.lo <= 0 || test.z < least_z) continue;
    PLIMSOLL_ASSIGN_OR_RETURN(
        const Epoch bytes,
        ReadEpoch(reader, process, {metric::kTypeBytes, test.type}, from, to));
    const auto byte_slope = FitSlopeOnly(bytes, kInflation);
    if (byte_slope) {
      rising.push_back({test.type, test.objects_per_s, *byte_slope});
    }
  }
  return rising;
}

}  // namespace

absl::Status ReadTypes(const FleetReader& reader, int64_t now_ns,
                       Incident& incident) {
  if (Worst(incident) == nullptr || !incident.types.empty()) {
    return absl::OkStatus();
  }
  const int64_t from = now_ns - static_cast<int64_t>(incident.window_s * 1e9);
  std::vector<std::pair<ProcessKey, std::vector<TypeTest>>> tests;
  std::set<std::string> instances;
  std::vector<double> zs;
  double growth = 0;
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking || tests.size() >= kMostTypeProcesses) break;
    PLIMSOLL_ASSIGN_OR_RETURN(auto mine,
                              TestTypes(reader, p.process, from, now_ns + 1));
    for (const TypeTest& test : mine) zs.push_back(test.z);
    tests.emplace_back(p.process, std::move(mine));
    instances.insert(p.instance);
    growth += p.bytes_per_s.value;
  }
  const double least_z = std::max(kLeastTypeZ, LeastZ(zs, kFalseTypes));
  std::vector<std::vector<TypeTrend>> types;
  for (const auto& [process, mine] : tests) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        auto rising,
        RisingTypes(reader, process, mine, least_z, from, now_ns + 1));
    types.push_back(std::move(rising));
  }
  incident.types = RankTypes(types, growth);
  DivideTypes(static_cast<double>(instances.size()), incident.types);
  if (incident.types.size() > kMostTypes) incident.types.resize(kMostTypes);
  return absl::OkStatus();
}

absl::Status ReadCoverage(const FleetReader& reader, Incident& incident) {
  const AffectedProcess* worst = Worst(incident);
  if (worst == nullptr) return absl::OkStatus();
  PLIMSOLL_ASSIGN_OR_RETURN(const CensusShares shares,
                            reader.Census(worst->process));
  if (shares.examined) incident.census_coverage = shares.examined;
  if (shares.typed) incident.typed_share = shares.typed;
  return absl::OkStatus();
}

absl::Status ReadRequests(const FleetReader& reader, Incident& incident) {
  std::vector<EvidenceRequest> requests;
  bool done = false, under_way = false;
  std::string problem;  // of the worst
  for (const AffectedProcess& p : incident.processes) {
    PLIMSOLL_ASSIGN_OR_RETURN(const auto command,
                              reader.NewestCommand(p.process));
    if (!command || command->sent_ns < incident.opened_ns) continue;
    requests.push_back({p.process, command->what, command->outcome,
                        command->reason, command->sent_ns,
                        command->finished_ns});
    if (!p.leaking) continue;
    done = done || command->outcome == "done";
    under_way = under_way || command->outcome.empty();
    if (problem.empty() && !command->outcome.empty()) {
      problem = ProblemOf(*command);
    }
  }
  if (done) {
    incident.evidence_problem.clear();
  } else if (!under_way && !problem.empty()) {
    incident.evidence_problem = problem;
  }
  incident.requests = std::move(requests);
  return absl::OkStatus();
}

absl::Status ReadStacks(const FleetReader& reader, int64_t now_ns,
                        Incident& incident) {
  std::vector<StackEvidence> found, refused;
  const int64_t from = incident.opened_ns - kEvidenceBeforeNs;
  for (const AffectedProcess& p : incident.processes) {
    if (!p.leaking) continue;
    PLIMSOLL_ASSIGN_OR_RETURN(auto stacks,
                              reader.Stacks(p.process, from, now_ns + 1));
    for (StackEvidence& s : stacks) {
      if (!s.refusal.empty()) {
        refused.push_back(std::move(s));
      } else if (TypeRank(incident, s.type) >= 0 && KindRank(s.kind) >= 0 &&
                 !s.frames.empty()) {
        found.push_back(std::move(s));
      }
    }
  }
  incident.follow_problem = FollowProblem(refused, found);
  found = PoolFollowed(std::move(found));
  const std::string followed = FollowedInstead(incident, found);
  const auto rank = [&](const StackEvidence& s) {
    const bool instead =
        !followed.empty() && s.type == followed && s.kind == "birth";
    return instead ? -1 : RowRank(incident, s);
  };
  std::stable_sort(
      found.begin(), found.end(),
      [&](const StackEvidence& a, const StackEvidence& b) {
        const int ta = rank(a);
        const int tb = rank(b);
        if (ta != tb) return ta < tb;
        const int ka = KindRank(a.kind), kb = KindRank(b.kind);
        if (ka != kb) return ka < kb;
        if (a.kind == "native" && b.kind == "native" && a.bytes != b.bytes) {
          return a.bytes > b.bytes;
        }
        if (a.objects != b.objects) return a.objects > b.objects;
        return a.time_ns > b.time_ns;
      });
  if (found.size() > kMostStacks) found.resize(kMostStacks);
  if (!found.empty()) incident.stacks = std::move(found);
  return absl::OkStatus();
}

}  // namespace plimsoll::collector
