// plimsoll diff PID FROM [TO]: what changed between two saved moments, or since
// one.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/process/looks.h"
#include "cli/process/mark_store.h"
#include "cli/process/marked_process.h"
#include "cli/process/target.h"
#include "cli/report/growth_report.h"
#include "cli/session/progress.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr char kHowBytes[] =
    "bytes by type are what the objects cost: their blocks and what they own "
    "outside of them";

// The mark of that name which was taken last, whichever process had the pid.
absl::StatusOr<Mark> ReadLatest(const MarkStore& store, int32_t pid,
                                const std::string& name) {
  PLIMSOLL_ASSIGN_OR_RETURN(const auto marks, store.List());
  const StoredMark* latest = nullptr;
  for (const StoredMark& mark : marks) {
    if (mark.file.process.pid != pid || mark.file.name != name) continue;
    if (latest == nullptr || mark.taken_unix_s > latest->taken_unix_s) {
      latest = &mark;
    }
  }
  return store.Read(
      latest == nullptr ? MarkedProcess{.pid = pid} : latest->file.process,
      name);
}

// The mark of the process that has the pid now, where it has one of that name;
// else the latest of that name, so that words can be found for what happened.
absl::StatusOr<Mark> ReadMark(const MarkStore& store,
                              const absl::StatusOr<LiveProcess>& live,
                              int32_t pid, const std::string& name) {
  if (live.ok()) {
    auto mark = store.Read(live->process, name);
    if (!absl::IsOutOfRange(mark.status())) return mark;
  }
  return ReadLatest(store, pid, name);
}

Moment MomentOf(const Mark& mark) {
  return {.name = mark.name, .unix_s = mark.taken_unix_s};
}

Subject SubjectOf(const Mark& mark) {
  return {.pid = mark.process.pid,
          .start_unix_s = mark.start_unix_s,
          .python = mark.python,
          .workload = mark.workload};
}

absl::StatusOr<GrowthReport> CompareWithNow(const Mark& from,
                                            const LiveProcess& live,
                                            const Options& options,
                                            Progress& progress) {
  PLIMSOLL_RETURN_IF_ERROR(CheckStillTheSame(from, live));
  PLIMSOLL_ASSIGN_OR_RETURN(Target target, Target::Open(options.pid));
  if (target.start_ticks() != live.process.start_ticks) {
    return absl::NotFoundError(
        absl::StrCat("process ", options.pid, " has ended"));
  }
  progress.Show("reading the heap");
  PLIMSOLL_ASSIGN_OR_RETURN(Look now,
                            TakeLook(target, options.scan_limit_bytes));
  GrowthReport report = CompareLooks({from.look, std::move(now)});
  report.subject = target.subject();
  report.moments = {MomentOf(from),
                    {.unix_s = static_cast<double>(UnixNs()) / 1e9}};
  return report;
}

// The process may have ended: what was saved of it can still be compared.
absl::StatusOr<GrowthReport> CompareMarks(
    const Mark& from, const Mark& to, const absl::StatusOr<LiveProcess>& live) {
  if (live.ok()) {
    PLIMSOLL_RETURN_IF_ERROR(CheckStillTheSame(from, *live));
    PLIMSOLL_RETURN_IF_ERROR(CheckStillTheSame(to, *live));
  } else if (from.process != to.process || from.start_stack != to.start_stack) {
    return absl::NotFoundError(
        absl::StrCat("\"", from.name, "\" and \"", to.name,
                     "\" are of two processes that had the pid ",
                     from.process.pid, " one after the other"));
  }
  if (from.look.boottime_ns > to.look.boottime_ns) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", from.name, "\" was taken after \"", to.name,
                     "\": name the earlier one first"));
  }
  GrowthReport report = CompareLooks({from.look, to.look});
  report.subject = SubjectOf(from);
  report.moments = {MomentOf(from), MomentOf(to)};
  if (!live.ok()) report.notes.push_back("the process has ended meanwhile");
  return report;
}

void AddNotes(GrowthReport& report, bool types_left_out) {
  report.notes.insert(report.notes.begin(), kHowBytes);
  if (report.sampled) {
    report.notes.push_back(
        "a random sample of a large heap was counted: what is within its "
        "error may be no change, and a rare type may be missed "
        "(--scan-limit 0 reads all)");
  } else {
    report.notes.push_back(
        "two moments: a rate is the mean between them and has no interval");
  }
  if (types_left_out) {
    report.notes.push_back(absl::StrCat("only the ", kMaxMarkedTypes,
                                        " largest types of a moment are kept"));
  }
}

// The process is not there, and now is asked for.
absl::Status Ended(const Options& options, const absl::Status& status) {
  if (!absl::IsNotFound(status)) return status;
  const auto store = MarkStore::Open(MarksDir(options.marks_dir));
  const auto marks =
      store.ok() ? store->List()
                 : absl::StatusOr<std::vector<StoredMark>>(store.status());
  const auto is_of_it = [&options](const StoredMark& mark) {
    return mark.file.process.pid == options.pid;
  };
  if (!marks.ok() ||
      std::count_if(marks->begin(), marks->end(), is_of_it) < 2) {
    return status;
  }
  return absl::NotFoundError(absl::StrCat(
      "no process has the pid ", options.pid, "; its marks can be compared ",
      "with each other: plimsoll diff ", options.pid, " FROM TO"));
}

absl::Status RunDiff(const Options& options, Session& session) {
  for (const std::string& name : {options.mark, options.to_mark}) {
    if (!name.empty() && !IsMarkName(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", name, "\" is no name of a mark"));
    }
  }
  Progress progress(session.terminal, options.quiet);
  const auto live = ReadLiveProcess(procfs::ProcRoot(), options.pid);
  if (!live.ok() &&
      (!absl::IsNotFound(live.status()) || options.to_mark.empty())) {
    return Ended(options, live.status());
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const auto store,
                            MarkStore::Open(MarksDir(options.marks_dir)));
  PLIMSOLL_ASSIGN_OR_RETURN(const Mark from,
                            ReadMark(store, live, options.pid, options.mark));
  GrowthReport report;
  bool types_left_out = from.look.census.other_types > 0;
  if (options.to_mark.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(report,
                              CompareWithNow(from, *live, options, progress));
  } else {
    PLIMSOLL_ASSIGN_OR_RETURN(
        const Mark to, ReadMark(store, live, options.pid, options.to_mark));
    types_left_out = types_left_out || to.look.census.other_types > 0;
    PLIMSOLL_ASSIGN_OR_RETURN(report, CompareMarks(from, to, live));
  }
  progress.Clear();
  report.top = options.top;
  report.quiet = options.quiet;
  AddNotes(report, types_left_out);
  return session.Print(options.json
                           ? GrowthJson(report)
                           : RenderGrowth(report, session.terminal.style()));
}

}  // namespace

Verb DiffVerb() {
  return {
      .name = "diff",
      .summary = "what changed since a saved moment, or between two, by type",
      .help =
          "Compares a moment that was saved by \"plimsoll mark\" with now, or "
          "with another one.\nThe process is not stopped.\n\n"
          "  OBJECTS, BYTES  what there is more, or less\n"
          "  ±               half of the 95 % interval, where the heap was so "
          "large that a\n"
          "                  sample of it was read\n"
          "  OBJECTS/S, BYTES/S  the same per second between the two\n"
          "  TYPE            module.QualName; builtins bare\n\n"
          "The last line divides the change of anonymous memory.\n\n"
          "Example:  plimsoll mark 4711 before; sleep 600; plimsoll diff 4711 "
          "before",
      .flags = {Flag::kPid, Flag::kMarks, Flag::kTop, Flag::kScanLimit},
      .default_top = 20,
      .run = &RunDiff};
}

}  // namespace plimsoll::cli
