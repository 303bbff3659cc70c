#include "cli/report/drill_plan.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/report/document.h"
#include "cli/report/duration.h"
#include "cli/report/text.h"

namespace plimsoll::cli {
namespace {

// An instance with two slots, a bytes object of 400, an int, a list's slot.
constexpr double kBytesPerObject = 48 + 448 + 32 + 8;
constexpr int64_t kMostWithoutLimit = int64_t{1} << 30;
constexpr double kMostOfLimit = 0.75;
constexpr int64_t kInterpreterBytes = int64_t{16} << 20;
constexpr int64_t kMinuteNs = 60'000'000'000;

// Runs the script under a name of its own, so that a type and a line say what
// they are of.
constexpr char kStart[] =
    "import sys; exec(compile(sys.argv[1], 'plimsoll_drill.py', 'exec'), "
    "{'__name__': 'plimsoll_drill'})";

}  // namespace

absl::StatusOr<DrillPlan> PlanDrill(const Options& options) {
  DrillPlan plan;
  plan.for_ns = options.for_ns;
  plan.limit_bytes = options.limit_bytes;
  const double minutes =
      static_cast<double>(plan.for_ns) / static_cast<double>(kMinuteNs);
  plan.bytes_per_s = static_cast<double>(options.rate_bytes_per_min) / 60;
  if (plan.bytes_per_s < kBytesPerObject) {
    return absl::InvalidArgumentError(
        "--rate: too slow to be seen in a drill; 64KiB or more");
  }
  plan.objects_per_s = plan.bytes_per_s / kBytesPerObject;
  const double most = static_cast<double>(options.rate_bytes_per_min) * minutes;
  const double room =
      plan.limit_bytes > 0
          ? kMostOfLimit * static_cast<double>(plan.limit_bytes) -
                static_cast<double>(kInterpreterBytes)
          : static_cast<double>(kMostWithoutLimit);
  if (most > room) {
    return absl::InvalidArgumentError(absl::StrCat(
        "it would keep ", FormatBytes(std::llround(most)), ", and ",
        FormatBytes(std::llround(std::max(0.0, room))), " is the most under ",
        plan.limit_bytes > 0
            ? absl::StrCat("a limit of ", FormatBytes(plan.limit_bytes))
            : "no limit",
        ": choose a lower --rate, a shorter --for or a higher --limit"));
  }
  plan.most_bytes = std::llround(most);
  return plan;
}

std::vector<std::string> DrillArguments(const DrillPlan& plan) {
  return {"-I",
          "-c",
          kStart,
          std::string(DrillScript()),
          absl::StrCat(plan.objects_per_s),
          absl::StrCat(static_cast<double>(plan.for_ns) / 1e9)};
}

std::string RenderDrill(const RunningDrill& drill, const Style& style) {
  const DrillPlan& plan = drill.plan;
  std::string out = absl::StrCat(
      "pid ", drill.pid, " of workload ", kDrillWorkload, " leaks ",
      FormatBytes(std::llround(plan.bytes_per_s * 60)), "/min of ", kDrillType,
      " for ", FormatDuration(plan.for_ns), ", ", FormatBytes(plan.most_bytes),
      " at most",
      plan.limit_bytes > 0
          ? absl::StrCat(", under a limit of ", FormatBytes(plan.limit_bytes))
          : "",
      ". It ends by itself; Ctrl-C ends it at once.\n");
  out = Wrap(out, style.width, 0) + "\n";
  if (!drill.why_no_limit.empty()) {
    out += Wrap(absl::StrCat("No limit is set for it: ", drill.why_no_limit,
                             ". Without one no page comes in minutes, unless "
                             "the node is nearly full."),
                style.width, 0) +
           "\n";
  }
  out += Dim(
      absl::StrCat("look:  plimsoll types ", drill.pid, "    plimsoll growth ",
                   drill.pid, " --for 60s    plimsoll incidents"),
      style);
  return out + "\n";
}

std::string DrillJson(const RunningDrill& drill) {
  nlohmann::ordered_json out = DocumentHead("drill", std::nullopt, {});
  out["pid"] = drill.pid;
  out["python"] = drill.python;
  out["rate"] = drill.plan.bytes_per_s;
  out["rate_bytes_per_s"] = drill.plan.bytes_per_s;
  out["will_end_unix_s"] = drill.will_end_unix_s;
  out["most_bytes"] = drill.plan.most_bytes;
  if (drill.plan.limit_bytes > 0) {
    out["limit_bytes"] = drill.plan.limit_bytes;
  } else {
    out["limit_bytes"] = nullptr;
  }
  out["why_no_limit"] = drill.why_no_limit;
  out["workload"] = kDrillWorkload;
  out["type"] = kDrillType;
  return Serialize(out);
}

}  // namespace plimsoll::cli
