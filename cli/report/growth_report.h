// The answer of `plimsoll growth`: what changed between several looks at one
// heap. Pure: looks in, text or JSON out.
#ifndef PLIMSOLL_CLI_REPORT_GROWTH_REPORT_H_
#define PLIMSOLL_CLI_REPORT_GROWTH_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/heap_census.h"
#include "cli/report/document.h"

namespace plimsoll::cli {

// A census and the anonymous memory of the same moment.
struct Look {
  int64_t boottime_ns = 0;
  int64_t anon_bytes = 0;
  int64_t python_bytes = 0;  // of anon: PythonBytes(census)
  int64_t free_bytes = 0;    // of anon: FreeBytes(census)
  core::HeapCensus census;
};

// What Python objects hold: live pymalloc blocks, and the chunks of malloc that
// are objects or buffers of objects.
int64_t PythonBytes(const core::HeapCensus& census);
// What neither Python nor malloc has given out: the rest of pymalloc's pools,
// and malloc's free chunks.
int64_t FreeBytes(const core::HeapCensus& census, uint32_t pool_bytes);

using Interval = std::pair<double, double>;  // 95 %

struct TypeGrowth {
  std::string type;
  int64_t objects_delta = 0;
  int64_t bytes_delta = 0;
  double objects_per_s = 0;
  double bytes_per_s = 0;
  // Absent with fewer than four looks at all of a heap: two points have a
  // slope, no interval.
  std::optional<Interval> objects_per_s_ci, bytes_per_s_ci;
  // Where the first or the last look was at a sample; else the deltas are
  // exact.
  std::optional<Interval> objects_delta_ci, bytes_delta_ci;
};

// A moment that was compared, as people named it.
struct Moment {
  std::string name;  // "" is now
  double unix_s = 0;
};

// How the change of anonymous memory divides: anon = python + free + native.
struct MemoryGrowth {
  int64_t anon_delta_bytes = 0;
  int64_t python_delta_bytes = 0;
  int64_t free_delta_bytes = 0;
  int64_t native_delta_bytes = 0;  // the rest
};

struct GrowthReport {
  Subject subject;
  double seconds = 0;
  size_t looks = 0;
  bool sampled = false;  // a look at least was at a sample of the heap
  // By bytes_per_s, the fastest first; an application's class counts with the
  // builtins that rise in step with it. Where the heap was sampled, by what of
  // it is sure.
  std::vector<TypeGrowth> types;
  MemoryGrowth memory;
  // The two moments of `diff`; `growth` has none.
  std::optional<std::pair<Moment, Moment>> moments;
  int32_t top = 0;
  bool quiet = false;
  Notes notes;
};

// Needs two looks or more, in time order. Types that are the same in all are
// left out. subject, top and quiet are the caller's to fill.
GrowthReport CompareLooks(const std::vector<Look>& looks);

std::string RenderGrowth(const GrowthReport& report, const Style& style);
// Also the answer of `plimsoll diff`, when the report has moments.
std::string GrowthJson(const GrowthReport& report);

// "2026-11-21 21:03:12 UTC".
std::string FormatMoment(double unix_s);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_GROWTH_REPORT_H_
