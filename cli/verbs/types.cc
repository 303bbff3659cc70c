// plimsoll types PID: live objects by type, from one census.
#include "cli/process/target.h"
#include "cli/report/types_report.h"
#include "cli/session/progress.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int32_t kMaxTypes = 20000;
constexpr char kHowBytes[] =
    "BYTES is what the objects cost: their blocks and what they own outside "
    "of them (tables of dicts and sets, items of lists, buffers), rounded to "
    "the allocator's blocks. Buffers that an extension keeps by itself are not "
    "in it.";

absl::Status RunTypes(const Options& options, Session& session) {
  Progress progress(session.terminal, options.quiet);
  progress.Show("looking for the interpreter");
  PLIMSOLL_ASSIGN_OR_RETURN(Target target, Target::Open(options.pid));
  progress.Show("reading the heap");
  TypesReport report{.subject = target.subject(),
                     .census = {},
                     .top = options.top,
                     .quiet = options.quiet,
                     .notes = {kHowBytes}};
  PLIMSOLL_ASSIGN_OR_RETURN(report.census,
                            target.TakeCensus({.max_types = kMaxTypes}));
  if (report.census.read_faults > 0) {
    report.notes.push_back(
        "part of the heap could not be read while the process changed it; "
        "the counts are of the rest");
  }
  if (const std::string note = ImplausibleNote(report.census); !note.empty()) {
    report.notes.push_back(note);
  }
  progress.Clear();
  return session.Print(options.json
                           ? TypesJson(report)
                           : RenderTypes(report, session.terminal.style()));
}

}  // namespace

Verb TypesVerb() {
  return {
      .name = "types",
      .summary = "live objects of a process, by type",
      .help =
          "Reads the heap from outside; the process is not stopped.\n\n"
          "  OBJECTS  objects alive at the moment of reading\n"
          "  BYTES    what they cost: sys.getsizeof with GC head, rounded up\n"
          "           to the allocator's blocks, and instances' attributes\n"
          "  SHARE    of the bytes of all types and blocks without one\n"
          "  TYPE     module.QualName; builtins bare\n\n"
          "Example:  plimsoll types 4711 --top 10",
      .flags = {Flag::kPid, Flag::kTop},
      .default_top = 25,
      .run = &RunTypes};
}

}  // namespace plimsoll::cli
