// The answer of `plimsoll ps`. Pure: processes in, text or JSON out.
#ifndef PLIMSOLL_CLI_REPORT_PS_REPORT_H_
#define PLIMSOLL_CLI_REPORT_PS_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/process.h"
#include "cli/report/document.h"

namespace plimsoll::cli {

struct PsProcess {
  int32_t pid = 0;
  int32_t parent_pid = 0;    // now; 0: none that is seen from here
  uint64_t start_ticks = 0;  // tells two lives of one pid apart
  double start_unix_s = 0;
  std::string python;  // "3.11.2"; "" when it could not be read
  std::string build_id;
  std::string workload;
  std::string command;
  std::optional<int64_t> rss_bytes, anon_bytes, limit_bytes;
  std::vector<core::TierStatus> tiers;  // all of the design, by number
  bool refused_by_name = false;  // a CPython, of a build that cannot be read
};

struct PsReport {
  std::vector<PsProcess> processes;  // by pid
  bool quiet = false;
  // How uprobes are attached here; "" where they cannot be. And why not, for
  // each way that does not work.
  std::string uprobe_rung;
  std::map<std::string, std::string> rung_refusals;
  Notes notes;
};

std::string RenderPs(const PsReport& report, const Style& style);
std::string PsJson(const PsReport& report);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_PS_REPORT_H_
