// The answer of `plimsoll stacks --malloc`: which code calls the C library's
// allocator, and what of it was still there when a window ended. Pure.
#ifndef PLIMSOLL_CLI_REPORT_MALLOC_REPORT_H_
#define PLIMSOLL_CLI_REPORT_MALLOC_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/core/malloc_rows.h"
#include "cli/report/document.h"

namespace plimsoll::cli {

struct MallocReport {
  Subject subject;
  double seconds = 0;         // the whole measurement
  double window_seconds = 0;  // while probes were attached
  std::string allocator;      // "glibc", "jemalloc"
  std::string module;         // "libc.so.6"
  std::vector<core::MallocStack> rows;
  int64_t windows = 0;
  // Those that could tell what survived them; of the others the last reason.
  int64_t windows_told = 0;
  std::string refusal;
  double rest_seconds = 0;  // that a surviving block had lived at least
  int64_t older_frees = 0;
  int64_t not_kept = 0;
  uint64_t hits = 0;
  int64_t sample_every = 1;
  double target_core_share = 0;
  std::map<std::string, int64_t> drops;
  int32_t top = 0;
  bool quiet = false;
  Notes notes;
};

// What survived first, then what was allocated and not freed.
void RankMallocRows(MallocReport& report);

std::string RenderMalloc(const MallocReport& report, const Style& style);
std::string MallocJson(const MallocReport& report);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_MALLOC_REPORT_H_
