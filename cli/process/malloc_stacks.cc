#include "cli/process/malloc_stacks.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/process/malloc_sampler.h"
#include "cli/report/duration.h"
#include "cli/report/malloc_report.h"
#include "cli/report/text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kTickNs = 1'000'000'000;

std::string TextOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

// False when interrupted.
bool WaitUntil(int64_t until_ns, int64_t end_ns, const MallocSampler& sampler,
               Session& session, Progress& progress) {
  while (BoottimeNs() < until_ns) {
    progress.Show(absl::StrCat(
        "measuring: ",
        FormatDuration(std::max<int64_t>(0, end_ns - BoottimeNs())), " left, ",
        sampler.seen().windows,
        sampler.seen().windows == 1 ? " window" : " windows",
        " (Ctrl-C ends it early)"));
    if (!session.interrupt.SleepUntil(
            std::min(until_ns, BoottimeNs() + kTickNs))) {
      return false;
    }
  }
  return true;
}

void AddNotes(const MallocSampler& sampler, const absl::Status& ended,
              MallocReport& report) {
  const MallocSeen& seen = sampler.seen();
  if (report.windows_told > 0) {
    report.notes.push_back(absl::StrCat(
        "survived: lived for at least ",
        FormatDuration(std::llround(report.rest_seconds * 1e9)),
        " of a window, freed by no call, and in use by the head of its chunk "
        "at the end; whether it stays for good is not known: a block that "
        "lives longer than that is no leak yet"));
  }
  if (report.windows_told < report.windows && !seen.refusal.empty()) {
    report.notes.push_back(absl::StrCat(
        report.windows - report.windows_told, " of ", report.windows,
        report.windows == 1 ? " window" : " windows",
        " could not tell what survived: ", seen.refusal));
  }
  report.notes.push_back(absl::StrCat(
      "probes (", seen.rung, ") cost the process ",
      FormatShare(report.target_core_share), " of a core on average, ",
      FormatCount(static_cast<int64_t>(seen.hits)), " hits"));
  if (seen.sample_every > 1) {
    report.notes.push_back(absl::StrCat(
        "to follow every allocation would have cost too much: one in ",
        seen.sample_every, " was, and the counts are what these stand for"));
  }
  if (seen.not_kept > 0) {
    report.notes.push_back(absl::StrCat(
        FormatCount(seen.not_kept),
        " allocations found no room in a kernel map: their frees are not told "
        "from those of older blocks"));
  }
  if (seen.rows_not_named > 0) {
    report.notes.push_back(
        absl::StrCat("the native callers of ", FormatCount(seen.rows_not_named),
                     " of the smallest rows were not unwound"));
  }
  if (absl::IsResourceExhausted(ended)) {
    report.notes.push_back(
        absl::StrCat("a window was refused: ", TextOf(ended)));
  }
  if (absl::IsNotFound(ended)) {
    report.notes.push_back(
        absl::StrCat(TextOf(ended), "; the figures are of the time before"));
  }
}

MallocReport ReportOf(const Options& options, const Target& target,
                      const MallocSampler& sampler, double seconds) {
  const MallocSeen& seen = sampler.seen();
  MallocReport report;
  report.subject = target.subject();
  report.seconds = seconds;
  report.window_seconds = static_cast<double>(seen.window_ns) / 1e9;
  report.allocator = sampler.sites().allocator;
  report.module = sampler.sites().module;
  report.rows = seen.stacks;
  report.windows = seen.windows;
  report.windows_told = seen.windows_with_survivors_told;
  report.refusal = seen.refusal;
  report.rest_seconds = static_cast<double>(seen.rest_ns) / 1e9;
  report.older_frees = seen.older_frees;
  report.not_kept = seen.not_kept;
  report.hits = seen.hits;
  report.sample_every = seen.sample_every;
  report.target_core_share = sampler.cost_ns() / (seconds * 1e9);
  report.drops = seen.drops;
  report.top = options.top;
  report.quiet = options.quiet;
  RankMallocRows(report);
  return report;
}

}  // namespace

absl::Status RunMallocStacks(const Options& options, Target& target,
                             const bpf::KernelSupport& kernel, Session& session,
                             Progress& progress) {
  if (!options.type.empty() || options.verbose) {
    return absl::InvalidArgumentError(
        "--malloc knows no types and has no size classes: it goes without "
        "--type and --verbose");
  }
  progress.Show("looking for its malloc");
  PLIMSOLL_ASSIGN_OR_RETURN(
      MallocSampler sampler,
      MallocSampler::Make(target, kernel, options.for_ns));
  const int64_t begin_ns = BoottimeNs();
  const int64_t end_ns = begin_ns + options.for_ns;
  absl::Status ended;
  bool interrupted = false;
  while (ended.ok() && !interrupted) {
    const int64_t next_ns = sampler.NextAtNs();
    interrupted = !WaitUntil(std::min(next_ns, end_ns), end_ns, sampler,
                             session, progress);
    if (next_ns >= end_ns || interrupted) break;
    ended = sampler.Sample(session);
    interrupted = session.interrupt.Requested();
  }
  // Without one window there is nothing to say but why.
  if (sampler.seen().windows == 0 && !ended.ok()) return ended;
  if (!ended.ok() && !absl::IsResourceExhausted(ended) &&
      !absl::IsNotFound(ended)) {
    return ended;
  }
  MallocReport report =
      ReportOf(options, target, sampler,
               static_cast<double>(BoottimeNs() - begin_ns) / 1e9);
  AddNotes(sampler, ended, report);
  if (interrupted) report.notes.push_back("ended early by Ctrl-C");
  progress.Clear();
  PLIMSOLL_RETURN_IF_ERROR(session.Print(
      options.json ? MallocJson(report)
                   : RenderMalloc(report, session.terminal.style())));
  return absl::IsNotFound(ended) ? ended : absl::OkStatus();
}

}  // namespace plimsoll::cli
