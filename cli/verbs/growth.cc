// plimsoll growth PID: what grew, from several censuses.
#include "cli/process/looks.h"
#include "cli/process/target.h"
#include "cli/report/growth_report.h"
#include "cli/report/types_report.h"
#include "cli/session/progress.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kLooksForInterval = 4;
constexpr char kHowBytes[] =
    "bytes by type are what the objects cost: their blocks and what they own "
    "outside of them";

void AddNotes(const LookSeries& series, GrowthReport& report) {
  report.notes.push_back(kHowBytes);
  if (report.sampled) {
    report.notes.push_back(
        "random samples of a large heap were counted: what is within its error "
        "may be no change (--scan-limit 0 reads all)");
  }
  const std::string made_up = ImplausibleNote(series.looks.back().census);
  if (!made_up.empty()) report.notes.push_back(made_up);
  if (series.interrupted) {
    report.notes.push_back("ended early by Ctrl-C");
  }
  if (!series.ended.ok()) {
    report.notes.push_back(
        "the process ended meanwhile; the figures are of the time before");
  }
  if (report.looks < kLooksForInterval) {
    report.notes.push_back(
        "fewer than four censuses: rates have no interval; measure longer");
  }
}

absl::Status RunGrowth(const Options& options, Session& session) {
  if (options.for_ns <= 0) {
    return absl::InvalidArgumentError(
        "growth needs time between two looks: --for 60s");
  }
  Progress progress(session.terminal, options.quiet);
  PLIMSOLL_ASSIGN_OR_RETURN(Target target, Target::Open(options.pid));
  PLIMSOLL_ASSIGN_OR_RETURN(
      const LookSeries series,
      TakeLooks(target,
                {.for_ns = options.for_ns,
                 .interval_ns = options.interval_ns,
                 .scan_limit_bytes = options.scan_limit_bytes},
                session, progress));
  progress.Clear();
  if (series.looks.size() < 2) {
    if (!series.ended.ok()) return series.ended;
    return absl::UnavailableError("ended before there was a second look");
  }
  GrowthReport report = CompareLooks(series.looks);
  report.subject = target.subject();
  report.top = options.top;
  report.quiet = options.quiet;
  AddNotes(series, report);
  PLIMSOLL_RETURN_IF_ERROR(session.Print(
      options.json ? GrowthJson(report)
                   : RenderGrowth(report, session.terminal.style())));
  return series.ended;
}

}  // namespace

Verb GrowthVerb() {
  return {
      .name = "growth",
      .summary = "what grows in a process, by type",
      .help =
          "Takes a census at the start, at the end and in between, and fits a "
          "line to each\ntype. The process is not stopped.\n\n"
          "  OBJECTS    the last census less the first; with ±, half of the "
          "95 %\n             interval, where a sample of a large heap was "
          "read\n"
          "  OBJECTS/S  slope over all censuses\n"
          "  BYTES, BYTES/S  the same in bytes; in brackets the 95 % interval\n"
          "  TYPE       module.QualName; builtins bare\n\n"
          "The last line divides the change of anonymous memory.\n\n"
          "Example:  plimsoll growth 4711 --for 2m",
      .flags = {Flag::kPid, Flag::kFor, Flag::kInterval, Flag::kTop,
                Flag::kScanLimit},
      .default_for = "60s",
      .default_top = 20,
      .run = &RunGrowth};
}

}  // namespace plimsoll::cli
