#include "collector/core/page/page_title.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "collector/core/text/format.h"

namespace plimsoll::collector {
namespace {

std::string HowMany(const Incident& incident) {
  const auto of = [](int32_t leaking, int32_t all, const std::string& what) {
    all = std::max(leaking, all);
    return std::to_string(leaking) + " of " + std::to_string(all) + " " + what +
           (all == 1            ? ""
            : what == "process" ? "es"
                                : "s");
  };
  const std::string kind =
      incident.instance_kind.empty() ? "process" : incident.instance_kind;
  std::string text =
      of(incident.leaking_instances, incident.workload_instances, kind);
  // Several workers under one limit: how many of them is said too.
  if (kind != "process" &&
      incident.workload_processes > incident.workload_instances) {
    text +=
        " (" +
        of(incident.leaking_processes, incident.workload_processes, "process") +
        ")";
  }
  return text;
}

std::string TimeLeft(const Incident& incident) {
  if (!incident.time_to_limit) {
    return "no memory limit is set, so time to OOM is not known, on ";
  }
  const std::string time = FormatTimeToLimit(*incident.time_to_limit);
  if (!incident.limit_of_node) return "OOM in " + time + " on ";
  const std::string swap = incident.time_to_swap
                               ? "the node swaps in " +
                                     FormatTimeToLimit(*incident.time_to_swap) +
                                     ", "
                               : "";
  return "no limit is set: " + swap + "OOM of the node in " + time + ", on ";
}

// "routing-api leaks 14.7 MiB/min per pod in ap-southeast-1 (95 % CI 12-17),
// 9.9 MiB/min on the mean with eu-west-3": where groups differ the mean alone
// is of none of them.
std::string RateWords(const Incident& incident) {
  std::set<std::string> regions;
  for (const AffectedProcess& p : incident.processes) {
    if (p.leaking && !p.region.empty()) regions.insert(p.region);
  }
  const std::string where =
      regions.empty() ? ""
                      : " in " + Join({regions.begin(), regions.end()}, ", ");
  // All rates of a page are of one of them: said once, where it is not plain.
  const std::string each =
      incident.leaking_instances > 1 ? " per " + incident.instance_kind : "";
  if (!incident.worst_group) {
    return FormatRateWithInterval(incident.bytes_per_s, each + where);
  }
  const WorstGroup& worst = *incident.worst_group;
  const bool of_version = worst.kind == "version";
  const std::string which =
      of_version ? " of version " + worst.name + where : " in " + worst.name;
  return FormatRateWithInterval(worst.bytes_per_s, each + which) + ", " +
         FormatRate(incident.bytes_per_s.value) + " on the mean with " +
         (of_version ? "version " : "") + Join(worst.others, ", ");
}

}  // namespace

std::string PageTitle(const Incident& incident) {
  return incident.workload.name + " leaks " + RateWords(incident) + "; " +
         TimeLeft(incident) + HowMany(incident);
}

}  // namespace plimsoll::collector
