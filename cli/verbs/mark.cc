// plimsoll mark PID NAME: saves what is alive at a moment, for `diff`.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/process/looks.h"
#include "cli/process/mark_store.h"
#include "cli/process/marked_process.h"
#include "cli/process/target.h"
#include "cli/report/text.h"
#include "cli/session/progress.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

absl::Status CheckUsage(const Options& options) {
  const int actions = (options.list ? 1 : 0) + (options.remove ? 1 : 0) +
                      (options.prune ? 1 : 0);
  if (actions > 1) {
    return absl::InvalidArgumentError(
        "only one of --list, --remove and --prune at a time");
  }
  const bool needs_name = actions == 0 || options.remove;
  if (needs_name && (options.pid == 0 || options.mark.empty())) {
    return absl::InvalidArgumentError(
        "mark needs a process and a name for the moment: plimsoll mark 4711 "
        "before");
  }
  if (!needs_name && !options.mark.empty()) {
    return absl::InvalidArgumentError("--list and --prune take no NAME");
  }
  if (needs_name && !IsMarkName(options.mark)) {
    return absl::InvalidArgumentError(
        "the name of a mark is 1 to 64 letters, digits, \".\", \"_\" or \"-\", "
        "the first a letter, a digit or \"_\"");
  }
  return absl::OkStatus();
}

struct Marked {
  StoredMark mark;
  bool running = false;
};

// Of one process, or of all where `pid` is 0. No directory is no mark.
absl::StatusOr<std::vector<Marked>> ListMarks(absl::StatusOr<MarkStore>& store,
                                              int32_t pid) {
  std::vector<Marked> listed;
  if (absl::IsOutOfRange(store.status())) return listed;
  if (!store.ok()) return store.status();
  PLIMSOLL_ASSIGN_OR_RETURN(auto marks, store->List());
  const procfs::ProcRoot proc;
  for (StoredMark& mark : marks) {
    const MarkedProcess& process = mark.file.process;
    if (pid != 0 && process.pid != pid) continue;
    const auto live = ReadLiveProcess(proc, process.pid);
    if (!live.ok() && !absl::IsNotFound(live.status())) return live.status();
    listed.push_back(
        {std::move(mark), live.ok() && IsSameProcess(process, live->process)});
  }
  return listed;
}

std::string ListText(const std::vector<Marked>& marks, const Options& options,
                     const Style& style) {
  Table table({{.title = "PID", .right = true},
               {.title = "NAME", .shrinks = true},
               {.title = "TAKEN"},
               {.title = "PROCESS"},
               {.title = "SIZE", .right = true, .drop_order = 1}});
  for (const auto& [mark, running] : marks) {
    table.AddRow({absl::StrCat(mark.file.process.pid), mark.file.name,
                  FormatMoment(mark.taken_unix_s),
                  running ? "runs" : "has ended", FormatBytes(mark.bytes)});
  }
  if (table.empty()) {
    return options.quiet ? ""
                         : absl::StrCat("no marks in ",
                                        MarksDir(options.marks_dir), "\n");
  }
  return table.Render(style);
}

std::string ListJson(const std::vector<Marked>& marks) {
  auto document = DocumentHead("mark", std::nullopt, {});
  auto& rows = document["marks"] = nlohmann::ordered_json::array();
  for (const auto& [mark, running] : marks) {
    rows.push_back({{"pid", mark.file.process.pid},
                    {"name", mark.file.name},
                    {"taken_unix_s", mark.taken_unix_s},
                    {"running", running},
                    {"bytes", mark.bytes}});
  }
  return Serialize(document);
}

absl::Status RunList(const Options& options, Session& session) {
  auto store = MarkStore::Open(MarksDir(options.marks_dir));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto marks, ListMarks(store, options.pid));
  return session.Print(
      options.json ? ListJson(marks)
                   : ListText(marks, options, session.terminal.style()));
}

// Says how many: `--prune` none is no error, `--remove` of none is.
absl::Status RunRemove(const Options& options, Session& session) {
  auto store = MarkStore::Open(MarksDir(options.marks_dir));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto marks, ListMarks(store, options.pid));
  std::vector<Marked> removed;
  for (const Marked& marked : marks) {
    const MarkFile& file = marked.mark.file;
    if (options.prune ? marked.running : file.name != options.mark) continue;
    PLIMSOLL_RETURN_IF_ERROR(store->Remove(file.process, file.name));
    removed.push_back(marked);
  }
  if (options.prune && store.ok()) {
    PLIMSOLL_RETURN_IF_ERROR(store->RemoveLeftovers());
  }
  if (options.remove && removed.empty()) {
    return absl::OutOfRangeError(absl::StrCat("no mark \"", options.mark,
                                              "\" of process ", options.pid));
  }
  if (options.json) return session.Print(ListJson(removed));
  return options.quiet ? absl::OkStatus()
                       : session.Print(absl::StrCat(
                             "removed ", removed.size(),
                             removed.size() == 1 ? " mark\n" : " marks\n"));
}

int64_t Objects(const core::HeapCensus& census) {
  int64_t objects = census.other_objects;
  for (const core::TypeCount& type : census.types) objects += type.objects;
  return objects;
}

std::string MarkedText(const Mark& mark, const Subject& subject,
                       const Options& options) {
  const core::HeapCensus& census = mark.look.census;
  return absl::StrCat(
      SubjectLine(subject), ": \"", mark.name, "\" is ",
      FormatCount(Objects(census)), " objects of ",
      FormatCount(static_cast<int64_t>(census.types.size())), " types, ",
      FormatBytes(mark.look.anon_bytes), " of anonymous memory",
      census.coverage.sampled ? " (objects by a random sample)" : "",
      ".\nWhat has changed since: plimsoll diff ", subject.pid, " ", mark.name,
      options.marks_dir.empty() ? "" : " --dir " + options.marks_dir, "\n");
}

std::string MarkedJson(const Mark& mark, const Subject& subject) {
  const core::HeapCensus& census = mark.look.census;
  auto document = DocumentHead("mark", subject, {});
  document["name"] = mark.name;
  document["taken_unix_s"] = mark.taken_unix_s;
  document["objects"] = Objects(census);
  document["types"] = census.types.size();
  document["anon_bytes"] = mark.look.anon_bytes;
  document["sampled"] = census.coverage.sampled;
  return Serialize(document);
}

absl::Status RunMark(const Options& options, Session& session) {
  PLIMSOLL_RETURN_IF_ERROR(CheckUsage(options));
  if (options.list) return RunList(options, session);
  if (options.remove || options.prune) return RunRemove(options, session);
  Progress progress(session.terminal, options.quiet);
  progress.Show("looking for the interpreter");
  PLIMSOLL_ASSIGN_OR_RETURN(Target target, Target::Open(options.pid));
  PLIMSOLL_ASSIGN_OR_RETURN(auto store,
                            MarkStore::Make(MarksDir(options.marks_dir)));
  PLIMSOLL_ASSIGN_OR_RETURN(const LiveProcess live,
                            ReadLiveProcess(procfs::ProcRoot(), options.pid));
  progress.Show("reading the heap");
  Mark mark{.name = options.mark,
            .process = live.process,
            .start_code = live.start_code,
            .start_stack = live.start_stack,
            .python = target.subject().python,
            .workload = target.subject().workload,
            .start_unix_s = target.subject().start_unix_s,
            .taken_unix_s = static_cast<double>(UnixNs()) / 1e9,
            .look = {}};
  PLIMSOLL_ASSIGN_OR_RETURN(mark.look,
                            TakeLook(target, options.scan_limit_bytes));
  // The pid may have been given away between opening and looking.
  PLIMSOLL_RETURN_IF_ERROR(target.CheckAlive());
  PLIMSOLL_RETURN_IF_ERROR(store.Write(mark));
  progress.Clear();
  if (options.json) return session.Print(MarkedJson(mark, target.subject()));
  if (options.quiet) return absl::OkStatus();
  return session.Print(MarkedText(mark, target.subject(), options));
}

}  // namespace

Verb MarkVerb() {
  return {
      .name = "mark",
      .summary = "saves a moment of a process under a name, for diff",
      .help =
          "Takes a census and saves it; the process is not stopped. A mark "
          "belongs to one\nprocess: when it has ended and its pid was given "
          "to another, diff says so. A name\nthat is there already is "
          "replaced.\n\n"
          "  plimsoll mark 4711 before           saves\n"
          "  plimsoll mark --list                shows all; with PID, those of "
          "one process\n"
          "  plimsoll mark 4711 before --remove  removes it\n"
          "  plimsoll mark --prune               removes those of processes "
          "that have ended\n\n"
          "Example:  plimsoll mark 4711 before",
      .flags = {Flag::kAnyPid, Flag::kMark, Flag::kScanLimit},
      .run = &RunMark};
}

}  // namespace plimsoll::cli
