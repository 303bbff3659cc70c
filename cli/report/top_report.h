// One refresh of `plimsoll top`. Pure: scans of the node in, text or JSON out.
// A TopHistory remembers a minute of scans and gives growth from them.
#ifndef PLIMSOLL_CLI_REPORT_TOP_REPORT_H_
#define PLIMSOLL_CLI_REPORT_TOP_REPORT_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/report/agent_metrics.h"
#include "cli/report/document.h"
#include "cli/report/ps_report.h"

namespace plimsoll::cli {

struct TopRow {
  PsProcess process;
  std::optional<double> anon_bytes_per_s;  // over over_s seconds
  double over_s = 0;
  // At this pace; nothing without a limit or without growth. Not a forecast:
  // it takes the pace of at most a minute.
  std::optional<double> seconds_to_limit;
};

struct TopReport {
  double time_unix_s = 0;
  std::vector<TopRow> rows;  // the fastest growing first, then by anon_bytes
  std::optional<GovernorView> governor;  // where an agent answers
  Notes notes;
};

class TopHistory {
 public:
  // Adds a scan and gives the rows of this moment.
  std::vector<TopRow> Add(int64_t boottime_ns,
                          std::vector<PsProcess> processes);

 private:
  struct Point {
    int64_t boottime_ns = 0;
    int64_t anon_bytes = 0;
  };
  // By pid and start, so that a pid used again starts anew.
  std::map<std::pair<int32_t, uint64_t>, std::deque<Point>> points_;
};

// `height` bounds the rows (0: all).
std::string RenderTop(const TopReport& report, const Style& style, int height);
std::string TopJson(const TopReport& report);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_TOP_REPORT_H_
