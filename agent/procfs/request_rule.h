// Rules of the configuration that say where a process' request counters may be
// asked for, where neither its pod nor its command line does: the first that
// fits a process wins. One is written
//
//   FIELD=GLOB [FIELD=GLOB ...] -> KEY=VALUE [KEY=VALUE ...]
//   unit=orders-*.service -> metrics=8000/metrics
//   command=uwsgi* -> uwsgi=/run/orders/stats.sock
//
// The left side is that of a WorkloadRule. KEY is metrics (PORT or PORT/PATH)
// or uwsgi (the address of its stats server); "off" as the value forbids what
// would be asked otherwise. Pure; any thread.
#ifndef PLIMSOLL_AGENT_PROCFS_REQUEST_RULE_H_
#define PLIMSOLL_AGENT_PROCFS_REQUEST_RULE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/process.h"
#include "agent/core/request_port.h"
#include "agent/procfs/cgroup_text.h"
#include "agent/procfs/workload_rule.h"

namespace plimsoll::procfs {

struct RequestRule {
  RuleConditions conditions;
  std::optional<core::MetricsEndpoint> metrics;
  bool metrics_off = false;
  std::string uwsgi;  // "": not said
  bool uwsgi_off = false;
};

// kInvalidArgument says which word is wrong, and what is known.
absl::StatusOr<RequestRule> ParseRequestRule(std::string_view text);

// The first that fits; null when none does.
const RequestRule* FindRequestRule(const std::vector<RequestRule>& rules,
                                   const CgroupNames& names,
                                   const core::ProcessDescription& description);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_REQUEST_RULE_H_
