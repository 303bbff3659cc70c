// The answer of `plimsoll backtest`: one line of JSON for each thing that would
// have been said, or a table for people. The fields are settled in
// interfaces.md; other tools read them. Pure.
#ifndef PLIMSOLL_CLI_REPORT_BACKTEST_REPORT_H_
#define PLIMSOLL_CLI_REPORT_BACKTEST_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/table.h"
#include "collector/core/backtest/backtest.h"

namespace plimsoll::cli {

// {"at", "id", "kind", "namespace", "workload", ...} and a newline.
std::string SaidJson(const collector::Said& said);
// {"series", "pods", "pod_days", "pages", "tickets", ...} and a newline.
std::string BacktestSummaryJson(const collector::BacktestSummary& summary,
                                const Notes& notes);

// What was said of one incident, from its first line to its last.
struct BacktestIncident {
  collector::SaidKind kind = collector::SaidKind::kTicket;  // at its worst
  int64_t at_ns = 0;
  int64_t resolved_ns = 0;       // 0: not within the history
  collector::Incident incident;  // as it was last said while open
  std::vector<double> memory;    // of its worst pod, evenly spaced; may be {}
};

// Collects what is said, in the order of the first line of each.
class BacktestStory {
 public:
  void Add(const collector::Said& said);
  std::vector<BacktestIncident>& incidents() { return incidents_; }

 private:
  std::map<std::string, size_t> by_id_;
  std::vector<BacktestIncident> incidents_;
};

std::string RenderBacktest(const std::vector<BacktestIncident>& incidents,
                           const collector::BacktestSummary& summary,
                           const Notes& notes, const Style& style);

// "▁▂▅▇": the series between its least and its greatest value; gaps (NaN) are
// blanks.
std::string Sparkline(const std::vector<double>& values);

// "2026-11-21 14:05" of a unix time, UTC.
std::string FormatUtcMinute(int64_t unix_ns);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_BACKTEST_REPORT_H_
