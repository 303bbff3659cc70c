// What the agent's /metrics say of its governor: what probes were granted,
// refused and revoked, and what a hit costs on this machine. Pure; foreign
// bytes; any thread.
#ifndef PLIMSOLL_CLI_REPORT_AGENT_METRICS_H_
#define PLIMSOLL_CLI_REPORT_AGENT_METRICS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::cli {

struct GovernorTier {
  int64_t granted = 0;
  int64_t refused = 0;
  int64_t revoked = 0;
  double spent_s = 0;
  double budget_left = 1;  // ratio, of the process that has least
};

struct GovernorView {
  GovernorTier tier1, tier4;
  double emulated_hit_s = 0;  // 0: not known
  double single_stepped_hit_s = 0;
};

// Nothing when a figure is missing or is no number of its kind.
std::optional<GovernorView> ParseGovernor(std::string_view metrics);

// One line for people, and the object `governor` of `top --json`.
std::string GovernorLine(const GovernorView& view);
nlohmann::ordered_json GovernorJson(const GovernorView& view);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_AGENT_METRICS_H_
