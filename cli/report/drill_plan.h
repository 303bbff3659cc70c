// What a drill will do: how fast, how long, how much at most, and under which
// limit. Pure.
#ifndef PLIMSOLL_CLI_REPORT_DRILL_PLAN_H_
#define PLIMSOLL_CLI_REPORT_DRILL_PLAN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "cli/report/table.h"

namespace plimsoll::cli {

struct DrillPlan {
  int64_t for_ns = 0;
  double bytes_per_s = 0;
  double objects_per_s = 0;
  int64_t most_bytes = 0;   // kept by the end
  int64_t limit_bytes = 0;  // of the cgroup that it is given; 0: none
};

// InvalidArgument when it would not stay harmless: over three quarters of its
// limit, or over 1 GiB where it has none.
absl::StatusOr<DrillPlan> PlanDrill(const Options& options);

// The leak itself, in Python: helm/plimsoll/files/plimsoll_drill.py.
std::string_view DrillScript();

// What runs in the child, and its arguments after the interpreter.
std::vector<std::string> DrillArguments(const DrillPlan& plan);

struct RunningDrill {
  DrillPlan plan;
  int32_t pid = 0;
  double will_end_unix_s = 0;
  std::string python;        // the interpreter's path
  std::string why_no_limit;  // "" when it has one, or none was asked for
};

std::string RenderDrill(const RunningDrill& drill, const Style& style);
std::string DrillJson(const RunningDrill& drill);

inline constexpr char kDrillType[] = "plimsoll_drill.Leaked";
inline constexpr char kDrillWorkload[] = "plimsoll-drill";

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_DRILL_PLAN_H_
