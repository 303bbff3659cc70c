#include "agent/procfs/request_rule.h"

#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::procfs {
namespace {

constexpr std::string_view kOff = "off";

// "8000/metrics"
absl::Status SetMetrics(std::string_view value, RequestRule& rule) {
  if (value == kOff) {
    rule.metrics_off = true;
    return absl::OkStatus();
  }
  const size_t slash = value.find('/');
  const std::string_view path =
      slash == std::string_view::npos ? "" : value.substr(slash);
  PLIMSOLL_ASSIGN_OR_RETURN(
      rule.metrics,
      core::ParseMetricsEndpoint("", value.substr(0, slash), path));
  if (rule.metrics->port == 0) {
    return absl::InvalidArgumentError("\"" + std::string(value) +
                                      "\" is not PORT or PORT/PATH");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RequestRule> ParseRequestRule(std::string_view text) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      RuleSides sides, ParseRuleSides(text, {"metrics", "uwsgi"},
                                      "unit=orders.service -> metrics=8000"));
  RequestRule rule;
  rule.conditions = std::move(sides.conditions);
  for (const auto& [key, value] : sides.values) {
    if (key == "metrics") {
      PLIMSOLL_RETURN_IF_ERROR(SetMetrics(value, rule));
    } else if (value == kOff) {
      rule.uwsgi_off = true;
    } else {
      rule.uwsgi = value;
    }
  }
  return rule;
}

const RequestRule* FindRequestRule(
    const std::vector<RequestRule>& rules, const CgroupNames& names,
    const core::ProcessDescription& description) {
  for (const RequestRule& rule : rules) {
    if (FitsConditions(rule.conditions, names, description)) return &rule;
  }
  return nullptr;
}

}  // namespace plimsoll::procfs
