// plimsoll gc PID: the garbage collector's own counts and, where the build can
// be probed, its pauses.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/bpf/gc_probe.h"
#include "agent/bpf/kernel_support.h"
#include "cli/process/target.h"
#include "cli/report/duration.h"
#include "cli/report/gc_report.h"
#include "cli/session/progress.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr char kOwnState[] = "generation_stats";
constexpr int64_t kTickNs = 1000000000;

std::string TextOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

struct Reading {
  core::GcState gc;
  HeapUse heap;
};

absl::StatusOr<Reading> ReadState(Target& target) {
  PLIMSOLL_ASSIGN_OR_RETURN(core::HeapCensus census,
                            target.TakeCensus({.headers_only = true}));
  if (census.gc.generations.empty()) {
    return absl::UnimplementedError(
        absl::StrCat("the collector's state of Python ",
                     target.subject().python, " is not where it is known"));
  }
  Reading reading{.gc = std::move(census.gc), .heap = {}};
  for (const core::SizeClass& size : census.size_classes) {
    reading.heap.blocks += size.blocks_live;
    reading.heap.bytes += size.blocks_live * size.block_bytes;
  }
  return reading;
}

// Probes for as long as the object lives; none where that is not possible,
// with the reason as a note.
class PauseWatch {
 public:
  PauseWatch(const Target& target, GcReport& report)
      : pid_(target.subject().pid) {
    const auto kernel = bpf::KernelSupport::Detect();
    auto probe = bpf::GcProbe::Create(kernel);
    auto source = probe.ok() ? probe->Watch(target.python())
                             : absl::StatusOr<std::string>(probe.status());
    if (!source.ok()) {
      report.notes.push_back(
          absl::StrCat("pauses were not measured: ", TextOf(source.status())));
      return;
    }
    report.source = *std::move(source);
    probe_.emplace(*std::move(probe));
  }
  void Finish(GcReport& report) {
    if (!probe_.has_value()) return;
    auto taken = probe_->Take(pid_);
    if (!taken.ok()) {
      report.notes.push_back(
          absl::StrCat("pauses were lost: ", TextOf(taken.status())));
      report.source = kOwnState;
      return;
    }
    for (const auto& [reason, count] : taken->drops) {
      report.notes.push_back(
          absl::StrCat(count, " pauses were lost: ", reason));
    }
    report.pauses = std::move(taken->pauses);
  }

 private:
  int32_t pid_;
  std::optional<bpf::GcProbe> probe_;
};

// Waits; false when interrupted.
bool Wait(const Options& options, Session& session, Progress& progress) {
  const int64_t end_ns = BoottimeNs() + options.for_ns;
  while (BoottimeNs() < end_ns) {
    progress.Show(
        absl::StrCat("measuring: ", FormatDuration(end_ns - BoottimeNs()),
                     " left (Ctrl-C ends it early)"));
    if (!session.interrupt.SleepUntil(
            std::min(end_ns, BoottimeNs() + kTickNs))) {
      return false;
    }
  }
  return true;
}

absl::Status RunGc(const Options& options, Session& session) {
  Progress progress(session.terminal, options.quiet);
  progress.Show("looking for the interpreter");
  PLIMSOLL_ASSIGN_OR_RETURN(Target target, Target::Open(options.pid));
  GcReport report{
      .subject = target.subject(), .source = kOwnState, .quiet = options.quiet};
  absl::Status ended;
  if (options.for_ns > 0) {
    PauseWatch watch(target, report);
    PLIMSOLL_ASSIGN_OR_RETURN(Reading before, ReadState(target));
    report.before = std::move(before.gc);
    report.heap_before = before.heap;
    const int64_t begin_ns = BoottimeNs();
    if (!Wait(options, session, progress)) {
      report.notes.push_back("ended early by Ctrl-C");
    }
    watch.Finish(report);
    report.seconds = static_cast<double>(BoottimeNs() - begin_ns) / 1e9;
  }
  auto after = ReadState(target);
  if (after.ok()) {
    report.after = std::move(after->gc);
    report.heap_after = after->heap;
    if (options.for_ns == 0) {
      report.before = report.after;
      report.heap_before = report.heap_after;
    }
  } else if (options.for_ns == 0) {
    return after.status();
  } else {
    ended = after.status();
    report.after = report.before;
    report.heap_after = report.heap_before;
    report.notes.push_back(
        "the process ended meanwhile; the counts are those of the beginning");
  }
  progress.Clear();
  PLIMSOLL_RETURN_IF_ERROR(
      session.Print(options.json ? GcJson(report)
                                 : RenderGc(report, session.terminal.style())));
  return ended;
}

}  // namespace

Verb GcVerb() {
  return {
      .name = "gc",
      .summary = "is the garbage collector running, and what does it cost",
      .help =
          "  COLLECTIONS    runs since the process started, as gc.get_stats() "
          "says\n"
          "  IN WINDOW      runs while it was measured\n"
          "  COLLECTED      objects that were freed by them\n"
          "  UNCOLLECTABLE  objects that could not be\n"
          "  PAUSE P50, P99, MAX, SUM  how long the program stood still while "
          "it was measured\n                 (P50 and P99 to a factor of two)\n"
          "\nThe first line says whether collection is off, its thresholds, "
          "and what gc.freeze()\ntook out of its sight; the last sets pauses "
          "against the growth of the heap.\nHow many objects are unreachable "
          "is not known: that takes all references.\n"
          "\n--for 0 only reads the counts.\n\n"
          "Example:  plimsoll gc 4711 --for 30s",
      .flags = {Flag::kPid, Flag::kFor},
      .default_for = "60s",
      .run = &RunGc};
}

}  // namespace plimsoll::cli
