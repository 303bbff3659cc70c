#include "collector/core/diagnosis/cause.h"

#include <algorithm>
#include <vector>

#include "collector/core/diagnosis/gc_figures.h"
#include "collector/core/types/type_names.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

// Types that the collector tracks, as far as names tell: of the builtins only
// containers make cycles.
bool IsTracked(const std::string& type) {
  static const std::vector<std::string> kLeaves = {
      "bool", "bytearray", "bytes",      "code", "complex", "float",
      "int",  "range",     "memoryview", "str",  "NoneType"};
  return TypeOrigin(type) != Origin::kBuiltin ||
         std::find(kLeaves.begin(), kLeaves.end(), type) == kLeaves.end();
}

Verdict ByShares(const Incident& incident, const CauseThresholds& thresholds) {
  if (incident.rule != "imminent") return incident.cause;
  // Objects of a type rise, by the rule, or native memory; either names the
  // cause, objects unless they are the smaller part of the growth.
  const std::optional<double> native = NativeShare(incident);
  if (native && *native >= thresholds.one_cause) return Verdict::kNative;
  if (incident.shares.python.value_or(native ? 0 : 1) >=
      thresholds.python_majority) {
    return Verdict::kPythonObject;
  }
  // What allocators hold free is nothing that those objects need.
  const auto& free = incident.shares.free_ci;
  return free && (*free)[0] >= thresholds.one_cause ? Verdict::kFragmentation
                                                    : Verdict::kMixed;
}

}  // namespace

absl::Status ReadCollector(const FleetReader& reader, int64_t now_ns,
                           Incident& incident) {
  if (incident.processes.empty() || !incident.processes.front().leaking) {
    return absl::OkStatus();
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      const GcFigures figures,
      ReadGcFigures(reader, incident.processes.front().process,
                    incident.window_s, now_ns));
  const bool tracked =
      !incident.types.empty() && IsTracked(incident.types.front().type);
  const GcFinding finding =
      JudgeGc(figures, tracked ? incident.types.front().objects_per_s.value : 0,
              incident.window_s);
  incident.collector_problem = finding.problem;
  incident.collector_doubt = tracked ? finding.doubt : "";
  return absl::OkStatus();
}

std::string ExtensionModule(const Incident& incident) {
  if (incident.types.empty()) return "";
  const std::string& type = incident.types.front().type;
  if (TypeOrigin(type) != Origin::kApplication) return "";
  // "package._name.Type": by PEP 399's habit the part in C of a package.
  const size_t name = type.find("._");
  if (name == std::string::npos || type.starts_with("__") ||
      type.compare(name, 3, ".__") == 0) {
    return "";
  }
  const size_t end = type.find('.', name + 1);
  return end == std::string::npos ? "" : type.substr(0, end);
}

Verdict RefinedCause(const Incident& incident,
                     const CauseThresholds& thresholds) {
  const Verdict cause = ByShares(incident, thresholds);
  const bool live = cause == Verdict::kPythonObject || cause == Verdict::kLeak;
  if (live && !incident.collector_problem.empty() && !incident.types.empty() &&
      IsTracked(incident.types.front().type)) {
    return Verdict::kUnreachable;
  }
  if (live && !ExtensionModule(incident).empty()) return Verdict::kMixed;
  return cause;
}

bool IsAcuteLeak(Incident incident, const CauseThresholds& thresholds) {
  incident.rule = "imminent";
  return MayPage(RefinedCause(incident, thresholds));
}

}  // namespace plimsoll::collector
