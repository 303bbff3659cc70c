#include "collector/core/incident/incident_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace nlohmann {

template <typename T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& j, const std::optional<T>& value) {
    j = value ? json(*value) : json(nullptr);
  }
  static void from_json(const json& j, std::optional<T>& value) {
    value = j.is_null() ? std::nullopt : std::optional<T>(j.get<T>());
  }
};

}  // namespace nlohmann

namespace plimsoll::collector {
namespace {

using nlohmann::json;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

json Bound(double value) {
  return std::isfinite(value) ? json(value) : json(nullptr);
}

double BoundOr(const json& j, const char* key, double infinite) {
  const json& value = j.at(key);
  return value.is_null() ? infinite : value.get<double>();
}

// An integer's field takes nothing but integers: the library would cast 1e300
// to it, which is undefined. A type_error of the library's is thrown instead.
template <typename T>
void ReadField(const json& j, const char* key, const T& missing, T& field) {
  const auto found = j.find(key);
  if (found == j.end()) {
    field = missing;
  } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    field = static_cast<T>(
        found->template get_ref<const json::number_integer_t&>());
  } else {
    found->get_to(field);
  }
}

}  // namespace

// What NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT reads each field with.
#undef NLOHMANN_JSON_FROM_WITH_DEFAULT
#define NLOHMANN_JSON_FROM_WITH_DEFAULT(field)                        \
  ReadField(nlohmann_json_j, #field, nlohmann_json_default_obj.field, \
            nlohmann_json_t.field);

static void to_json(json& j, const Estimate& e) {
  j = {{"value", Bound(e.value)}, {"lo", Bound(e.lo)}, {"hi", Bound(e.hi)}};
}
static void from_json(const json& j, Estimate& e) {
  e = {BoundOr(j, "value", 0), BoundOr(j, "lo", -kInfinity),
       BoundOr(j, "hi", kInfinity)};
}
static void to_json(json& j, const TimeToLimit& t) {
  j = {{"lo_s", Bound(t.lo_s)}, {"hi_s", Bound(t.hi_s)}};
}
static void from_json(const json& j, TimeToLimit& t) {
  t = {BoundOr(j, "lo_s", 0), BoundOr(j, "hi_s", kInfinity)};
}

static void to_json(json& j, const WorkloadName& w) {
  j = {{"cluster", w.cluster},
       {"namespace", w.ns},
       {"kind", w.kind},
       {"name", w.name}};
}
static void from_json(const json& j, WorkloadName& w) {
  j.at("cluster").get_to(w.cluster);
  j.at("namespace").get_to(w.ns);
  j.at("kind").get_to(w.kind);
  j.at("name").get_to(w.name);
}

static void to_json(json& j, const Verdict& v) { j = ToString(v); }
static void from_json(const json& j, Verdict& v) {
  v = ParseVerdict(j.get<std::string>()).value_or(Verdict::kUnknown);
}

static void to_json(json& j, const IncidentState& s) { j = ToString(s); }
static void from_json(const json& j, IncidentState& s) {
  const auto name = j.get<std::string>();
  for (const IncidentState each :
       {IncidentState::kPending, IncidentState::kFiring}) {
    if (ToString(each) == name) {
      s = each;
      return;
    }
  }
  s = IncidentState::kResolved;
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Frame, function, file, module,
                                                line, native)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(StackEvidence, kind, type,
                                                objects, bytes, share, samples,
                                                share_low, share_high, frames,
                                                time_ns, window_ns,
                                                net_counts_refused, note)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GrowingType, type, builtin,
                                                objects_per_s, bytes_per_s,
                                                share, rolled_up)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    AffectedProcess, process, pid, pod, node, region, version, instance,
    bytes_per_s, model_limited, usage_bytes, limit_bytes, time_to_limit,
    pressed, limit_of_node, leaking, helper, by_hand)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(EvidenceRequest, process, what,
                                                outcome, reason, sent_ns,
                                                finished_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    TrafficCause, attributes, bytes_per_request, share, vif, condition_index,
    requests, smallest_effect, placebo_share, requests_per_s, inseparable_from,
    joint, all_have)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(StateCause, gauge, attributes,
                                                bytes_per_unit, share, from, to,
                                                placebo_share, inseparable_from)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Traffic, causes, states,
                                                unexplained_share, looks, at_ns,
                                                signal, bytes_of, not_known)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(WorstGroup, kind, name, others,
                                                instances, bytes_per_s)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GroupComparison, one, other,
                                                in_all, at_equal_mix, mix,
                                                bytes_per_request_one,
                                                bytes_per_request_other,
                                                worse_here, not_told)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    VersionOnset, version, before, began_ns, from_age_s, to_age_s, lives,
    lives_before, growth, growth_before, per_request, began, as_before,
    not_told, at_ns, not_before, with_version, later, since_ns, since_from_ns,
    since_to_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Neighbour, workload, pid,
                                                anon_bytes, worst)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(RegionGrowth, region, cluster,
                                                processes, leaking, bytes_per_s,
                                                bytes_per_request)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(GrowthShares, python, free,
                                                native, python_ci, free_ci,
                                                native_ci)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Silence, id, created_by,
                                                comment, ends_at_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Told, target, status, at_ns)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(PageText, title, what, held_by,
                                                made_at, kept_at, traffic,
                                                where, do_now, trust)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    Incident, id, workload, cause, cause_before, state, page, rule, opened_ns,
    fired_ns, raised_ns, resolved_ns, updated_ns, evidence_requested_ns,
    evidence_problem, follow_problem, owner, silence, told, resolve_reason,
    window_s, bytes_per_s, worst_group, model_limited, time_to_limit,
    limit_of_node, time_to_swap, node_loses_bytes_per_s, processes,
    workload_processes, workload_instances, leaking_processes,
    leaking_instances, instance_kind, types, native_bytes_per_s, shares,
    collector_problem, collector_doubt, stacks, requests, census_coverage,
    typed_share, traffic, regions, neighbours, regions_compared,
    versions_compared, version_onset, text)

std::string EncodeIncident(const Incident& incident) {
  const json j = incident;
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<Incident> DecodeIncident(std::string_view text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) {
    return absl::InvalidArgumentError("incident: not a JSON object");
  }
  for (const char* key : {"id", "workload", "state", "cause"}) {
    if (!j.contains(key)) {
      return absl::InvalidArgumentError(std::string("incident: no ") + key);
    }
  }
  try {
    return j.get<Incident>();
  } catch (const json::exception& e) {
    return absl::InvalidArgumentError(std::string("incident: ") + e.what());
  }
}

IncidentRecord ToRecord(const Incident& incident) {
  IncidentRecord record;
  record.id = incident.id;
  record.workload = incident.workload.ToString();
  record.cause = ToString(incident.cause);
  record.state = ToString(incident.state);
  record.opened_ns = incident.opened_ns;
  record.updated_ns = incident.updated_ns;
  record.resolved_ns = incident.resolved_ns;
  record.json = EncodeIncident(incident);
  return record;
}

}  // namespace plimsoll::collector
