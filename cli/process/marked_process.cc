#include "cli/process/marked_process.h"

#include "absl/strings/str_cat.h"
#include "cli/process/process_facts.h"
#include "cli/report/growth_report.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {

absl::StatusOr<LiveProcess> ReadLiveProcess(const procfs::ProcRoot& proc,
                                            int32_t pid) {
  LiveProcess live;
  const auto stat = proc.ReadStat(pid);
  if (absl::IsNotFound(stat.status()) || (stat.ok() && stat->state == 'Z')) {
    return absl::NotFoundError(absl::StrCat("no process has the pid ", pid));
  }
  if (!stat.ok()) return stat.status();
  live.process.pid = pid;
  live.process.start_ticks = stat->start_ticks;
  PLIMSOLL_ASSIGN_OR_RETURN(live.process.boot_id, proc.ReadBootId());
  live.start_code = stat->start_code;
  live.start_stack = stat->start_stack;
  return live;
}

bool IsSameProcess(const MarkedProcess& file, const MarkedProcess& live) {
  return file.pid == live.pid && file.start_ticks == live.start_ticks &&
         live.boot_id.starts_with(file.boot_id);
}

absl::Status CheckStillTheSame(const Mark& mark, const LiveProcess& live) {
  if (mark.process != live.process) {
    return absl::NotFoundError(
        absl::StrCat("pid ", live.process.pid,
                     " is another process now: the one that was "
                     "marked \"",
                     mark.name, "\" (started ", FormatMoment(mark.start_unix_s),
                     ") has ended; this one started ",
                     FormatMoment(StartUnixSeconds(live.process.start_ticks))));
  }
  if (mark.start_code != live.start_code ||
      mark.start_stack != live.start_stack) {
    return absl::NotFoundError(
        absl::StrCat("process ", live.process.pid,
                     " runs another program now (exec): the "
                     "one that was marked \"",
                     mark.name, "\" is gone"));
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::cli
