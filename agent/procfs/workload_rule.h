// Rules of the configuration that say whose a process is, where nothing else
// does or does so wrongly: the first that fits a process wins, over all that
// the process or its container says. One is written
//
//   FIELD=GLOB [FIELD=GLOB ...] -> KEY=VALUE [KEY=VALUE ...]
//   unit=orders-*.service -> name=orders namespace=shop owner=payments
//
// FIELD is command (as in `plimsoll ps`), unit, cgroup or container; all must
// fit. GLOB is fnmatch(3)'s; "?" stands for a blank. KEY is name, namespace,
// version, owner or region. Pure; any thread.
#ifndef PLIMSOLL_AGENT_PROCFS_WORKLOAD_RULE_H_
#define PLIMSOLL_AGENT_PROCFS_WORKLOAD_RULE_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/process.h"
#include "agent/procfs/cgroup_text.h"

namespace plimsoll::procfs {

using RuleConditions =
    std::vector<std::pair<std::string, std::string>>;  // FIELD, GLOB

// What any rule is written as: these parts are shared with RequestRule.
struct RuleSides {
  RuleConditions conditions;
  std::vector<std::pair<std::string, std::string>> values;  // KEY, VALUE
};
// `keys` are those that the right side may have, `example` is shown where there
// is no arrow. kInvalidArgument says which word is wrong, and what is known.
absl::StatusOr<RuleSides> ParseRuleSides(
    std::string_view text, const std::vector<std::string_view>& keys,
    std::string_view example);
bool FitsConditions(const RuleConditions& conditions, const CgroupNames& names,
                    const core::ProcessDescription& description);

using WorkloadRule = RuleSides;

// kInvalidArgument says which word is wrong, and what is known.
absl::StatusOr<WorkloadRule> ParseWorkloadRule(std::string_view text);

// Whether one fitted; `description` is as Identify() left it.
bool ApplyWorkloadRules(const std::vector<WorkloadRule>& rules,
                        const CgroupNames& names,
                        core::ProcessDescription& description);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_WORKLOAD_RULE_H_
