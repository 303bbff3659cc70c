// plimsoll types PID: live objects by type, from one census.
#include "cli/progress.h"
#include "cli/target.h"
#include "cli/types_report.h"
#include "cli/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int32_t kMaxTypes = 20000;
constexpr char kHowBytes[] =
    "BYTES is the size of the pymalloc blocks that hold the objects "
    "themselves; "
    "what they keep outside of them (item tables, text over 512 bytes, native "
    "buffers) is not in it.";

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
  progress.Clear();
  return session.Print(options.json
                           ? TypesJson(report)
                           : RenderTypes(report, session.terminal.style()));
}

}  // namespace

Verb TypesVerb() {
  return {.name = "types",
          .summary = "live objects of a process, by type",
          .help =
              "Reads the heap from outside; the process is not stopped.\n\n"
              "  OBJECTS  objects alive at the moment of reading\n"
              "  BYTES    pymalloc blocks that hold them\n"
              "  SHARE    of the bytes of all live blocks\n"
              "  TYPE     module.QualName; builtins bare\n\n"
              "Example:  plimsoll types 4711 --top 10",
          .flags = {Flag::kPid, Flag::kTop},
          .default_top = 25,
          .run = &RunTypes};
}

}  // namespace plimsoll::cli
