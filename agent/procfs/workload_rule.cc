#include "agent/procfs/workload_rule.h"

#include <fnmatch.h>

#include <algorithm>

#include "agent/procfs/text.h"

namespace plimsoll::procfs {
namespace {

constexpr std::string_view kArrow = "->";

std::string FieldOf(std::string_view field, const CgroupNames& names,
                    const core::ProcessDescription& description) {
  if (field == "command") return description.command;
  if (field == "unit") return names.unit;
  if (field == "cgroup") return description.cgroup;
  return names.container_id;
}

std::string& ValueOf(std::string_view key,
                     core::ProcessDescription& description) {
  if (key == "name") return description.workload.name;
  if (key == "namespace") return description.workload.ns;
  if (key == "version") return description.version;
  if (key == "owner") return description.owner;
  return description.region;
}

absl::Status ParseWords(std::string_view text,
                        const std::vector<std::string_view>& known,
                        std::vector<std::pair<std::string, std::string>>& out) {
  for (std::string_view word = NextField(text); !word.empty();
       word = NextField(text)) {
    const size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const bool is_known =
        std::find(known.begin(), known.end(), key) != known.end();
    if (equals == std::string_view::npos || equals + 1 == word.size() ||
        !is_known) {
      std::string names;
      for (const std::string_view name : known) {
        names += (names.empty() ? "" : ", ") + std::string(name);
      }
      return absl::InvalidArgumentError("\"" + std::string(word) +
                                        "\" is not NAME=VALUE with one of " +
                                        names);
    }
    out.emplace_back(key, word.substr(equals + 1));
  }
  return absl::OkStatus();
}

}  // namespace

bool FitsConditions(const RuleConditions& conditions, const CgroupNames& names,
                    const core::ProcessDescription& description) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const auto& c) {
    const std::string text = FieldOf(c.first, names, description);
    return ::fnmatch(c.second.c_str(), text.c_str(), 0) == 0;
  });
}

absl::StatusOr<RuleSides> ParseRuleSides(
    std::string_view text, const std::vector<std::string_view>& keys,
    std::string_view example) {
  const size_t arrow = text.find(kArrow);
  if (arrow == std::string_view::npos) {
    return absl::InvalidArgumentError("\"" + std::string(text) +
                                      "\" is not like " + std::string(example));
  }
  RuleSides rule;
  absl::Status status =
      ParseWords(text.substr(0, arrow),
                 {"command", "unit", "cgroup", "container"}, rule.conditions);
  if (status.ok()) {
    status = ParseWords(text.substr(arrow + kArrow.size()), keys, rule.values);
  }
  if (!status.ok()) return status;
  if (rule.conditions.empty() || rule.values.empty()) {
    return absl::InvalidArgumentError("\"" + std::string(text) +
                                      "\" has nothing on one side of ->");
  }
  return rule;
}

absl::StatusOr<WorkloadRule> ParseWorkloadRule(std::string_view text) {
  return ParseRuleSides(text,
                        {"name", "namespace", "version", "owner", "region"},
                        "unit=orders-*.service -> name=orders");
}

bool ApplyWorkloadRules(const std::vector<WorkloadRule>& rules,
                        const CgroupNames& names,
                        core::ProcessDescription& description) {
  const auto rule = std::find_if(
      rules.begin(), rules.end(), [&](const WorkloadRule& candidate) {
        return FitsConditions(candidate.conditions, names, description);
      });
  if (rule == rules.end()) return false;
  for (const auto& [key, value] : rule->values) {
    ValueOf(key, description) = value;
    if (key == "name" || key == "namespace") {
      description.workload.source = "rule";
    }
  }
  return true;
}

}  // namespace plimsoll::procfs
