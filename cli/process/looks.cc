#include "cli/process/looks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/report/duration.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int32_t kMaxTypes = 20000;
constexpr int64_t kLooks = 12;
constexpr int64_t kShortestNs = 250000000;
constexpr int64_t kLongestNs = 30000000000;
constexpr int64_t kPaceFactor = 5;  // a look takes a fifth of the time at most

int64_t FirstInterval(const LookPlan& plan) {
  if (plan.interval_ns > 0) return std::max(plan.interval_ns, kShortestNs);
  return std::clamp(plan.for_ns / kLooks, kShortestNs, kLongestNs);
}

}  // namespace

absl::StatusOr<Look> TakeLook(Target& target, int64_t scan_limit_bytes) {
  Look look;
  const int64_t begin_ns = BoottimeNs();
  // Each look draws another sample.
  PLIMSOLL_ASSIGN_OR_RETURN(
      look.census,
      target.TakeCensus({.max_types = kMaxTypes,
                         .max_scan_bytes = scan_limit_bytes,
                         .seed = static_cast<uint64_t>(begin_ns)}));
  PLIMSOLL_ASSIGN_OR_RETURN(const core::MemorySample memory,
                            target.ReadMemory());
  look.anon_bytes = memory.anon_bytes;
  look.python_bytes = PythonBytes(look.census);
  look.free_bytes = FreeBytes(look.census, target.python().objects.pool_bytes);
  // A census is of a stretch of time; its middle is the best single moment.
  look.boottime_ns = begin_ns + (BoottimeNs() - begin_ns) / 2;
  return look;
}

absl::StatusOr<LookSeries> TakeLooks(Target& target, const LookPlan& plan,
                                     Session& session, Progress& progress) {
  LookSeries series;
  const int64_t end_ns = BoottimeNs() + plan.for_ns;
  int64_t interval_ns = FirstInterval(plan);
  while (true) {
    const int64_t began_ns = BoottimeNs();
    auto look = TakeLook(target, plan.scan_limit_bytes);
    if (!look.ok()) {
      if (series.looks.empty()) return look.status();
      series.ended = look.status();
      return series;
    }
    const int64_t cost_ns = BoottimeNs() - began_ns;
    interval_ns = std::max(interval_ns, cost_ns * kPaceFactor);
    series.looks.push_back(*std::move(look));
    if (began_ns >= end_ns) return series;
    const int64_t next_ns = std::min(end_ns, began_ns + interval_ns);
    // The last look is at the end, not a moment before it as well.
    const int64_t wake_ns =
        end_ns - next_ns < interval_ns / 2 ? end_ns : next_ns;
    while (BoottimeNs() < wake_ns) {
      progress.Show(absl::StrCat(
          "measuring: ",
          FormatDuration(std::max<int64_t>(0, end_ns - BoottimeNs())),
          " left, ", series.looks.size(), " censuses (Ctrl-C ends it early)"));
      const int64_t tick_ns = std::min(wake_ns, BoottimeNs() + 1000000000);
      if (!session.interrupt.SleepUntil(tick_ns)) {
        series.interrupted = true;
        break;
      }
    }
    if (!series.interrupted) continue;
    // What was measured up to Ctrl-C counts too.
    if (auto last = TakeLook(target, plan.scan_limit_bytes); last.ok()) {
      series.looks.push_back(*std::move(last));
    }
    return series;
  }
}

}  // namespace plimsoll::cli
