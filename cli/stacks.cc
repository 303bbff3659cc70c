// plimsoll stacks PID: which code makes what stays.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/window_balance.h"
#include "cli/duration.h"
#include "cli/looks.h"
#include "cli/page_watch.h"
#include "cli/progress.h"
#include "cli/stacks_report.h"
#include "cli/target.h"
#include "cli/text.h"
#include "cli/verb.h"
#include "cli/window_sampler.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kTickNs = 1000000000;

std::string TextOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

// Everything that a run gathers before it is one report.
struct Gathered {
  std::vector<core::StackProfile> profiles;
  std::vector<Look> looks;
  absl::Status windows;  // why there are none, or no more
  absl::Status net;      // why none with every allocation and free
  absl::Status pages;    // why there are no page samples
  absl::Status ended;    // the process is gone
  bool interrupted = false;
};

// Waits in ticks, for the progress line. False when interrupted.
bool WaitUntil(int64_t until_ns, int64_t end_ns, size_t windows,
               Session& session, Progress& progress) {
  while (BoottimeNs() < until_ns) {
    progress.Show(absl::StrCat(
        "measuring: ",
        FormatDuration(std::max<int64_t>(0, end_ns - BoottimeNs())), " left, ",
        windows, windows == 1 ? " window" : " windows",
        " (Ctrl-C ends it early)"));
    if (!session.interrupt.SleepUntil(
            std::min(until_ns, BoottimeNs() + kTickNs))) {
      return false;
    }
  }
  return true;
}

// Windows until the end, or until one is refused.
void GatherWindows(WindowSampler& sampler, bool verbose, int64_t end_ns,
                   Session& session, Progress& progress, Gathered& gathered) {
  bool net = verbose;
  while (true) {
    const int64_t next_ns = sampler.NextAtNs();
    if (next_ns >= end_ns) return;
    if (!WaitUntil(next_ns, end_ns, gathered.profiles.size(), session,
                   progress)) {
      gathered.interrupted = true;
      return;
    }
    auto profile = sampler.Sample(session, net);
    if (!profile.ok() && net && absl::IsResourceExhausted(profile.status())) {
      // Too dear with every allocation; the typed allocators may still do.
      gathered.windows = gathered.net = profile.status();
      net = false;
      continue;
    }
    net = false;
    if (absl::IsNotFound(profile.status())) {
      gathered.ended = profile.status();
      return;
    }
    if (!profile.ok()) {
      gathered.windows = profile.status();
      return;
    }
    gathered.profiles.push_back(*std::move(profile));
  }
}

GrowthByType GrowthOf(const std::vector<Look>& looks) {
  GrowthByType growth;
  if (looks.size() < 2) return growth;
  for (const auto& type : looks.back().census.types) {
    growth[type.type] += type.bytes;
  }
  for (const auto& type : looks.front().census.types) {
    growth[type.type] -= type.bytes;
  }
  return growth;
}

void AddNotes(const Gathered& gathered, const WindowSampler* sampler,
              StacksReport& report) {
  if (sampler != nullptr && sampler->window_ns() > 0) {
    report.notes.push_back(
        "window rows count what was made while probes were attached, kept or "
        "not; types are ranked by what the censuses saw them gain");
    report.notes.push_back(
        absl::StrCat("probes (", sampler->rung(), ") cost the process ",
                     FormatShare(sampler->cost_ns() / (report.seconds * 1e9)),
                     " of a core on average"));
  }
  if (!gathered.windows.ok()) {
    report.notes.push_back(
        absl::StrCat("a window was refused: ", TextOf(gathered.windows)));
  }
  if (!gathered.pages.ok()) {
    report.notes.push_back(
        absl::StrCat("no samples of fresh memory: ", TextOf(gathered.pages)));
  }
  if (gathered.interrupted) report.notes.push_back("ended early by Ctrl-C");
  if (!gathered.ended.ok()) {
    report.notes.push_back(
        "the process ended meanwhile; the figures are of the time before");
  }
}

// What the window with frees, if there was one, says of allocations less frees.
void SetNetCounts(const Gathered& gathered, bool asked, StacksReport& report) {
  report.net_counts_reason =
      !asked ? "not measured: --verbose takes a window with every allocation "
               "and free between two censuses"
             : "not measured: there was no window with every allocation and "
               "free";
  for (const absl::Status* status :
       {&gathered.windows, &gathered.net, &gathered.ended}) {
    if (asked && !status->ok()) report.net_counts_reason = TextOf(*status);
  }
  for (const core::StackProfile& profile : gathered.profiles) {
    if (profile.balance.empty() && !profile.net_counts_refused) continue;
    report.balance = profile.balance;
    report.net_counts_refused = profile.net_counts_refused;
    report.net_counts_reason = profile.refusal;
    if (profile.net_counts_refused) {
      report.notes.push_back(
          absl::StrCat("net counts are refused: ", profile.refusal));
    }
  }
}

void NameAllTypes(const std::vector<Look>& looks,
                  std::vector<core::StackProfile>& profiles) {
  for (core::StackProfile& profile : profiles) {
    for (const Look& look : looks) core::NameTypes(look.census, profile);
  }
}

// From the first census to the last, with what lies between.
absl::Status Gather(const Options& options, Target& target,
                    absl::StatusOr<WindowSampler>& sampler, PageWatch& pages,
                    Session& session, Progress& progress, Gathered& gathered) {
  PLIMSOLL_ASSIGN_OR_RETURN(Look first, TakeLook(target));
  gathered.looks.push_back(std::move(first));
  const int64_t end_ns = BoottimeNs() + options.for_ns;
  if (sampler.ok()) {
    GatherWindows(*sampler, options.verbose, end_ns, session, progress,
                  gathered);
  } else {
    gathered.windows = sampler.status();
  }
  if (!gathered.interrupted && gathered.ended.ok()) {
    gathered.interrupted =
        !WaitUntil(end_ns, end_ns, gathered.profiles.size(), session, progress);
  }
  if (pages.watching() && gathered.ended.ok()) {
    auto profile = pages.Finish();
    gathered.pages = profile.status();
    if (profile.ok()) gathered.profiles.push_back(*std::move(profile));
  }
  if (auto last = TakeLook(target); last.ok()) {
    gathered.looks.push_back(*std::move(last));
  } else {
    gathered.ended = last.status();
  }
  return absl::OkStatus();
}

absl::Status RunStacks(const Options& options, Session& session) {
  if (options.for_ns <= 0) {
    return absl::InvalidArgumentError("stacks needs time: --for 60s");
  }
  Progress progress(session.terminal, options.quiet);
  progress.Show("looking for the interpreter");
  PLIMSOLL_ASSIGN_OR_RETURN(Target target, Target::Open(options.pid));
  StacksReport report{.subject = target.subject(),
                      .type_filter = options.type,
                      .top = options.top,
                      .verbose = options.verbose,
                      .quiet = options.quiet};
  const auto kernel = bpf::KernelSupport::Detect();
  Gathered gathered;
  PageWatch pages(target, kernel);
  auto sampler = WindowSampler::Make(target, kernel, options.for_ns);
  if (!sampler.ok() && !pages.watching()) return sampler.status();
  gathered.pages = pages.status();
  const int64_t begin_ns = BoottimeNs();
  PLIMSOLL_RETURN_IF_ERROR(
      Gather(options, target, sampler, pages, session, progress, gathered));
  report.seconds = static_cast<double>(BoottimeNs() - begin_ns) / 1e9;
  if (sampler.ok()) {
    report.window_seconds = static_cast<double>(sampler->window_ns()) / 1e9;
  }
  NameAllTypes(gathered.looks, gathered.profiles);
  FillRows(gathered.profiles, GrowthOf(gathered.looks), report);
  AddNotes(gathered, sampler.ok() ? &*sampler : nullptr, report);
  SetNetCounts(gathered, options.verbose, report);
  progress.Clear();
  PLIMSOLL_RETURN_IF_ERROR(session.Print(
      options.json ? StacksJson(report)
                   : RenderStacks(report, session.terminal.style())));
  return gathered.ended;
}

}  // namespace

Verb StacksVerb() {
  return {
      .name = "stacks",
      .summary = "which code makes what grows",
      .help =
          "Attaches probes to the allocators of typed objects for short "
          "windows, which\ntogether cost the process at most 2 % of a core on "
          "average; takes a census before\nand after; samples where fresh "
          "memory is taken.\n\n"
          "Each entry: its share of the objects of that type, the count, the "
          "type, the kind\n(window: made while probes were attached, kept or "
          "not; page: fresh pages of memory),\nand the Python stack, innermost "
          "frame first.\n\n"
          "--verbose takes one window with PyObject_Malloc and PyObject_Free "
          "and shows, per\nsize class, allocations less frees beside what the "
          "census saw change.\n\n"
          "Example:  plimsoll stacks 4711 --for 60s --type orders.models.Order",
      .flags = {Flag::kPid, Flag::kFor, Flag::kType, Flag::kTop,
                Flag::kVerbose},
      .default_for = "60s",
      .default_top = 10,
      .run = &RunStacks};
}

}  // namespace plimsoll::cli
