// The answer of `plimsoll growth`: what changed between several looks at one
// heap. Pure: looks in, text or JSON out.
#ifndef PLIMSOLL_CLI_GROWTH_REPORT_H_
#define PLIMSOLL_CLI_GROWTH_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/heap_census.h"
#include "cli/document.h"

namespace plimsoll::cli {

// A census and the anonymous memory of the same moment.
struct Look {
  int64_t boottime_ns = 0;
  int64_t anon_bytes = 0;
  core::HeapCensus census;
};

using Interval = std::pair<double, double>;  // 95 %

struct TypeGrowth {
  std::string type;
  int64_t objects_delta = 0;
  int64_t bytes_delta = 0;
  double objects_per_s = 0;
  double bytes_per_s = 0;
  // Absent with fewer than four looks: two points have a slope, no interval.
  std::optional<Interval> objects_per_s_ci, bytes_per_s_ci;
};

// How the change of anonymous memory divides: anon = python + free + native.
struct MemoryGrowth {
  int64_t anon_delta_bytes = 0;
  int64_t python_delta_bytes = 0;  // live pymalloc blocks
  int64_t free_delta_bytes = 0;    // of pymalloc's arenas, in no live block
  int64_t native_delta_bytes = 0;  // the rest
};

struct GrowthReport {
  Subject subject;
  double seconds = 0;
  size_t looks = 0;
  std::vector<TypeGrowth> types;  // by bytes_per_s, the fastest first
  MemoryGrowth memory;
  int32_t top = 0;
  bool quiet = false;
  Notes notes;
};

// Needs two looks or more, in time order. Types that are the same in all are
// left out. subject, top and quiet are the caller's to fill.
GrowthReport CompareLooks(const std::vector<Look>& looks);

std::string RenderGrowth(const GrowthReport& report, const Style& style);
std::string GrowthJson(const GrowthReport& report);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_GROWTH_REPORT_H_
