// plimsoll stacks PID: which code makes what stays.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/window_balance.h"
#include "cli/process/follow_births.h"
#include "cli/process/looks.h"
#include "cli/process/malloc_stacks.h"
#include "cli/process/page_watch.h"
#include "cli/process/refused_stacks.h"
#include "cli/process/target.h"
#include "cli/process/window_sampler.h"
#include "cli/report/duration.h"
#include "cli/report/stacks_report.h"
#include "cli/report/text.h"
#include "cli/report/types_report.h"
#include "cli/session/progress.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kTickNs = 1000000000;
// Of a core, over the whole time; windows and births share it. The rest of the
// 2 % that the command is held to is for what is not counted, such as censuses,
// and for what a measurement of it cannot tell from them.
constexpr double kMostShare = 0.01;

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
  absl::Status births;   // why none were followed
  absl::Status native;   // why the growth of malloc was not
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
        "not: what survived is not known, as a later look cannot tell an "
        "object from the next of its type at its address; types are ranked by "
        "what the censuses saw them gain");
    report.notes.push_back(
        absl::StrCat("probes (", sampler->rung(), ") cost the process ",
                     FormatShare(sampler->cost_ns() / (report.seconds * 1e9)),
                     " of a core on average"));
  }
  if (!gathered.windows.ok()) {
    report.notes.push_back(
        absl::StrCat("a window was refused: ", TextOf(gathered.windows)));
  }
  if (report.births.has_value()) {
    report.notes.push_back(
        absl::StrCat("born rows were followed to what stays; ",
                     WatchCost(*report.births, report.seconds)));
  }
  if (!gathered.births.ok()) {
    report.notes.push_back(
        absl::StrCat("births were not followed: ", TextOf(gathered.births)));
  }
  if (report.native.has_value()) {
    report.notes.push_back(
        absl::StrCat("native rows were followed to what stays; ",
                     WatchCost(*report.native, report.seconds)));
  }
  if (!gathered.native.ok()) {
    report.notes.push_back(absl::StrCat(
        "the growth of malloc was not followed: ", TextOf(gathered.native)));
  }
  if (!gathered.pages.ok()) {
    report.notes.push_back(
        absl::StrCat("no samples of fresh memory: ", TextOf(gathered.pages)));
  }
  const std::string made_up = ImplausibleNote(gathered.looks.back().census);
  if (!made_up.empty()) report.notes.push_back(made_up);
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

// The type that was asked for, else the one that gained most bytes.
const core::TypeCount* TypeToFollow(const std::string& wanted,
                                    const std::vector<Look>& looks) {
  const GrowthByType growth = GrowthOf(looks);
  const core::TypeCount* most = nullptr;
  int64_t gained = 0;
  for (const core::TypeCount& type : looks.back().census.types) {
    if (type.type == wanted) return &type;
    const auto found = growth.find(type.type);
    if (found == growth.end() || found->second <= gained) continue;
    gained = found->second;
    most = &type;
  }
  return wanted.empty() ? most : nullptr;
}

// What malloc holds that is no Python object, nor owned by one.
int64_t NativeBytes(const Look& look) {
  const core::MallocUse& malloc = look.census.malloc;
  return malloc.live_bytes - malloc.object_bytes - malloc.buffer_bytes;
}

// What is to be followed: what grows, and the less of two only where it is a
// fair part of the whole.
struct ToFollow {
  const core::TypeCount* type = nullptr;
  bool native = false;
};

ToFollow WhatToFollow(const std::string& wanted,
                      const std::vector<Look>& looks) {
  constexpr int64_t kLeastNative = 64 << 10;
  constexpr int64_t kFairPart = 4;
  ToFollow follow;
  follow.type = TypeToFollow(wanted, looks);
  if (!wanted.empty()) return follow;
  const int64_t native = NativeBytes(looks.back()) - NativeBytes(looks.front());
  const GrowthByType growth = GrowthOf(looks);
  const int64_t python =
      follow.type == nullptr ? 0 : growth.at(follow.type->type);
  follow.native = native >= kLeastNative && native >= python / kFairPart;
  if (follow.native && python < native / kFairPart) follow.type = nullptr;
  return follow;
}

// The second half of the time: the first has shown what grows.
void GatherBirths(const Options& options, Target& target,
                  const bpf::KernelSupport& kernel, int64_t end_ns,
                  double windows_ns, Session& session, Progress& progress,
                  Gathered& gathered) {
  auto middle = TakeLook(target);
  if (!middle.ok()) {
    gathered.births = middle.status();
    return;
  }
  gathered.looks.push_back(*std::move(middle));
  const ToFollow follow = WhatToFollow(options.type, gathered.looks);
  if (follow.type == nullptr && !follow.native) {
    gathered.births = absl::NotFoundError("no type grew");
    return;
  }
  const bool both = follow.type != nullptr && follow.native;
  const double budget_ns = std::max(
      0.0, kMostShare * static_cast<double>(options.for_ns) - windows_ns);
  const auto run = [&](const Followed& followed, int64_t until_ns,
                       absl::Status& status) {
    auto births =
        FollowBirths(target, kernel, followed, until_ns,
                     both ? budget_ns / 2 : budget_ns, session, progress);
    status = births.status();
    if (births.ok()) gathered.profiles.push_back(*std::move(births));
  };
  const int64_t now_ns = BoottimeNs();
  if (follow.type != nullptr) {
    run({follow.type->type, follow.type->type_address},
        both ? now_ns + (end_ns - now_ns) / 2 : end_ns, gathered.births);
  }
  if (follow.native && !session.interrupt.Requested()) {
    run({}, end_ns, gathered.native);
  }
}

// From the first census to the last, with what lies between.
absl::Status Gather(const Options& options, Target& target,
                    const bpf::KernelSupport& kernel,
                    absl::StatusOr<WindowSampler>& sampler, PageWatch& pages,
                    Session& session, Progress& progress, Gathered& gathered) {
  PLIMSOLL_ASSIGN_OR_RETURN(Look first, TakeLook(target));
  gathered.looks.push_back(std::move(first));
  const int64_t end_ns = BoottimeNs() + options.for_ns;
  const int64_t middle_ns = end_ns - options.for_ns / 2;
  if (sampler.ok()) {
    GatherWindows(*sampler, options.verbose, middle_ns, session, progress,
                  gathered);
  } else {
    gathered.windows = sampler.status();
  }
  if (!gathered.interrupted && gathered.ended.ok()) {
    gathered.interrupted = !WaitUntil(
        middle_ns, end_ns, gathered.profiles.size(), session, progress);
  }
  if (!gathered.interrupted && gathered.ended.ok()) {
    GatherBirths(options, target, kernel, end_ns,
                 sampler.ok() ? sampler->cost_ns() : 0, session, progress,
                 gathered);
    // Where births cannot be followed, windows take the rest of the time.
    if (!gathered.births.ok() && sampler.ok() && gathered.windows.ok()) {
      GatherWindows(*sampler, false, end_ns, session, progress, gathered);
    }
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
  PLIMSOLL_ASSIGN_OR_RETURN(Target target,
                            Target::OpenEvenRefused(options.pid));
  const auto kernel = bpf::KernelSupport::Detect();
  if (!target.refusal().empty()) {
    return RunRefusedStacks(options, target, kernel, session, progress);
  }
  if (options.malloc) {
    return RunMallocStacks(options, target, kernel, session, progress);
  }
  StacksReport report{.subject = target.subject(),
                      .type_filter = options.type,
                      .top = options.top,
                      .verbose = options.verbose,
                      .quiet = options.quiet};
  Gathered gathered;
  PageWatch pages(target, kernel);
  auto sampler = WindowSampler::Make(target, kernel, options.for_ns);
  if (!sampler.ok() && !pages.watching()) return sampler.status();
  gathered.pages = pages.status();
  const int64_t begin_ns = BoottimeNs();
  PLIMSOLL_RETURN_IF_ERROR(Gather(options, target, kernel, sampler, pages,
                                  session, progress, gathered));
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
          "In the second half of the time the birth watch follows objects of "
          "the type that\ngrows (or of --type) to those that stay, by hardware "
          "watchpoints: born rows, each\nwith its share of what stays and the "
          "interval of that share. In the first half it\nattaches probes to "
          "the allocators of typed objects for short windows. Together that "
          "costs the process\nat most 2 % of a core on average. A census is "
          "taken before and after, and it is\nsampled where fresh memory is "
          "taken.\n\n"
          "Each entry: its share of the objects of that type, the count, the "
          "type, the kind\n(born: made and kept; window: made while probes "
          "were attached, kept or "
          "not; page: fresh pages of memory),\nand the Python stack, innermost "
          "frame first.\n\n"
          "--verbose takes one window with PyObject_Malloc and PyObject_Free "
          "and shows, per\nsize class, allocations less frees beside what the "
          "census saw change.\n\n"
          "--malloc attaches probes to malloc, calloc, realloc and free of the "
          "C library (or of a\npreloaded allocator) for short windows instead, "
          "under the same bound: per native caller\nand Python stack, what was "
          "allocated, what of it was not freed in its window, and what\nis "
          "proven to have survived it.\n\n"
          "Of a Python that cannot be read there are page rows alone, with "
          "native stacks; the\nnotes say why.\n\n"
          "Example:  plimsoll stacks 4711 --for 60s --type orders.models.Order",
      .flags = {Flag::kPid, Flag::kFor, Flag::kType, Flag::kTop, Flag::kMalloc,
                Flag::kVerbose},
      .default_for = "60s",
      .default_top = 10,
      .run = &RunStacks};
}

}  // namespace plimsoll::cli
