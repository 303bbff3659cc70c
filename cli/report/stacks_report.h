// The answer of `plimsoll stacks`: which code makes what stays. Pure: profiles
// and what the censuses saw grow in; ranked rows, text or JSON out.
#ifndef PLIMSOLL_CLI_REPORT_STACKS_REPORT_H_
#define PLIMSOLL_CLI_REPORT_STACKS_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/stack_profile.h"
#include "cli/report/document.h"
#include "plimsoll/base/sampled_share.h"

namespace plimsoll::cli {

struct StackRow {
  std::string type;     // "" when the probe does not know it
  std::string kind;     // "born", "native", "window" or "page"
  int64_t objects = 0;  // born, native: that stayed, as the samples stand for
  int64_t bytes = 0;
  // Of the objects of its type and kind; of bytes for native and pages.
  double share = 0;
  std::vector<core::Frame> frames;  // innermost first
  bool truncated = false;
  // Born, native: births that were followed to rest.
  int64_t samples = 0;
  ShareInterval share_interval;
};

struct StacksReport {
  Subject subject;
  double seconds = 0;         // the whole measurement
  double window_seconds = 0;  // while probes were attached
  std::string type_filter;
  std::vector<StackRow> rows;  // ranked
  // Share of the growth that the censuses saw (bytes, growing types) whose
  // type has window rows. Nothing when nothing grew.
  std::optional<double> explained_share;
  // The birth watch, where there was one; its stacks are in the rows.
  std::optional<core::StackProfile> births;
  std::optional<core::StackProfile> native;     // the same of malloc's growth
  std::vector<core::SizeClassBalance> balance;  // summed over windows
  // Whether allocations less frees may be trusted. Absent: no window with frees
  // stood between two censuses. The reason is "" only when they may.
  std::optional<bool> net_counts_refused;
  std::string net_counts_reason;
  int32_t top = 0;
  bool verbose = false;
  bool quiet = false;
  Notes notes;
};

// Bytes that each type gained between the first and the last census.
using GrowthByType = std::map<std::string, int64_t>;

// Rows of several profiles, equal stacks of one type and kind summed. Born rows
// come first, then native ones, page rows last; types are ranked by what they
// gained, rows within a type by objects.
void FillRows(const std::vector<core::StackProfile>& profiles,
              const GrowthByType& growth, StacksReport& report);

std::string RenderStacks(const StacksReport& report, const Style& style);
std::string StacksJson(const StacksReport& report);

// What a watch on births cost the process, on average over a run of `seconds`,
// and why there are no samples where there are none.
std::string WatchCost(const core::StackProfile& watch, double seconds);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_STACKS_REPORT_H_
