// The collector's own judgement over a recorded history, in time order and
// without looking ahead: what would have been said, and when. The same engine
// as runs live; only the reader is a recording, and nobody is asked for
// evidence. Pure; one thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_BACKTEST_BACKTEST_H_
#define PLIMSOLL_COLLECTOR_CORE_BACKTEST_BACKTEST_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "collector/core/backtest/recording.h"
#include "collector/core/incident/incident.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

enum class SaidKind : uint8_t { kPage, kTicket, kResolved };
std::string_view ToString(SaidKind kind);

// One thing that people would have been told.
struct Said {
  SaidKind kind = SaidKind::kTicket;
  int64_t at_ns = 0;
  const Incident& incident;  // as it was then
};

struct BacktestOptions {
  Thresholds thresholds;
  // Called at each tick with the share that is done; false ends the run.
  std::function<bool(double share)> progress;
};

struct BacktestSummary {
  int64_t series = 0, pods = 0;
  double pod_days = 0;             // with samples
  int64_t pages = 0, tickets = 0;  // incidents of each kind, at their worst
  int64_t judgements = 0;
  int64_t from_ns = 0, to_ns = 0;
};

// `recording` is sealed. kInvalidArgument when it holds no memory series;
// kCancelled when `progress` said so.
absl::StatusOr<BacktestSummary> RunBacktest(
    Recording& recording, const BacktestOptions& options,
    const std::function<void(const Said&)>& said);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_BACKTEST_BACKTEST_H_
