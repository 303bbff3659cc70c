// The answer of `plimsoll gc`. Pure: two readings of the collector's own state
// and, where it was probed, its pauses in; text or JSON out.
#ifndef PLIMSOLL_CLI_REPORT_GC_REPORT_H_
#define PLIMSOLL_CLI_REPORT_GC_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/heap_census.h"
#include "agent/core/snapshot.h"
#include "cli/report/document.h"

namespace plimsoll::cli {

// Live pymalloc blocks at one of the two readings.
struct HeapUse {
  int64_t blocks = 0;
  int64_t bytes = 0;
};

// What the collector does by itself.
enum class Collector : uint8_t {
  kUnknown,
  kOff,            // gc.disable()
  kThresholdZero,  // on, and never due
  kOldNotReached,  // the oldest generation is due and not collected
  kOn,
};

struct GcReport {
  Subject subject;
  double seconds = 0;    // between the two readings; 0: one reading
  core::GcState before;  // as `after` when there was one reading
  core::GcState after;
  HeapUse heap_before, heap_after;
  std::vector<core::GcPauses> pauses;  // by generation; empty: not probed
  std::string source;                  // "usdt", "uprobe", "generation_stats"
  bool quiet = false;
  Notes notes;
};

// The upper bound of the histogram's bucket that holds the quantile, never
// more than max_ns. Nothing when there was no pause.
std::optional<int64_t> PauseQuantile(const core::GcPauses& pauses,
                                     double quantile);

Collector JudgeCollector(const GcReport& report);

std::string RenderGc(const GcReport& report, const Style& style);
std::string GcJson(const GcReport& report);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_GC_REPORT_H_
