// Repeated looks at one heap: a census and the memory beside it, at a pace
// that keeps the reading itself cheap. Main thread only.
#ifndef PLIMSOLL_CLI_PROCESS_LOOKS_H_
#define PLIMSOLL_CLI_PROCESS_LOOKS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/process/target.h"
#include "cli/report/growth_report.h"
#include "cli/session/progress.h"
#include "cli/session/session.h"

namespace plimsoll::cli {

// Reads a sample of a heap that is larger than `scan_limit_bytes`; 0: all.
absl::StatusOr<Look> TakeLook(Target& target, int64_t scan_limit_bytes = 0);

struct LookPlan {
  int64_t for_ns = 0;
  int64_t interval_ns = 0;  // 0: a twelfth of for_ns, in [250 ms, 30 s]
  int64_t scan_limit_bytes = 0;
};

struct LookSeries {
  std::vector<Look> looks;
  bool interrupted = false;
  absl::Status ended;  // why it stopped early, when the process ended
};

// The first look, then one per interval, the last at the end of for_ns; the
// interval grows where a look takes more than a fifth of it. Fails when not
// even the first look can be had.
absl::StatusOr<LookSeries> TakeLooks(Target& target, const LookPlan& plan,
                                     Session& session, Progress& progress);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_LOOKS_H_
