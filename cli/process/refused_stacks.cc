#include "cli/process/refused_stacks.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/bpf/native_probe.h"
#include "agent/core/fault_judge.h"
#include "agent/core/native_growth.h"
#include "agent/core/native_rows.h"
#include "cli/report/duration.h"
#include "cli/report/stacks_report.h"
#include "cli/report/text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kTickNs = 1'000'000'000;
// Of each second, so that one unwinding takes them all.
constexpr uint64_t kSamplesPerTick = 100;

std::string TextOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

// What came in over the whole time.
struct Gathered {
  std::vector<core::StackProfile> profiles;
  double cost_ns = 0;
  int64_t dropped = 0;       // samples that could not be used
  absl::Status not_unwound;  // why some were not
  absl::Status ended;        // the process is gone
  bool interrupted = false;
};

class Sampler {
 public:
  Sampler(Target& target, bpf::NativeProbe probe)
      : target_(target), probe_(std::move(probe)) {}

  absl::Status Watch() {
    bpf::NativeOptions options;
    options.sample_period = period_;
    options.max_samples_per_take = kSamplesPerTick;
    return probe_.Watch(target_.python(), options);
  }

  // The samples of the last tick, unwound at once.
  absl::Status Take(int64_t now_ns, Gathered& gathered) {
    PLIMSOLL_ASSIGN_OR_RETURN(bpf::NativeTaken taken,
                              probe_.Take(target_.subject().pid));
    PLIMSOLL_ASSIGN_OR_RETURN(const auto mappings, target_.ReadMappings());
    const auto samples = static_cast<double>(taken.samples.size());
    const auto hits = static_cast<double>(taken.hits);
    gathered.cost_ns +=
        hits * probe_.fault_ns() + samples * taken.program_ns_per_hit;
    for (const char* reason : {"ring_full", "stack_read_fault"}) {
      const auto drop = taken.drops.find(reason);
      if (drop != taken.drops.end()) gathered.dropped += drop->second;
    }
    std::erase_if(taken.samples, [&](const core::NativeSnapshot& sample) {
      return !core::IsGrowable(mappings, sample.address);
    });
    if (samples > 0) {
      // What was turned away is stood for by what was taken.
      grown_.Add(std::move(taken.samples),
                 static_cast<double>(period_) * hits / samples, now_ns);
    }
    if (auto raw = grown_.TakeIfDue(now_ns, 0)) {
      Unwind(*std::move(raw), gathered);
    }
    return Slow(taken.hits);
  }

 private:
  void Unwind(core::RawProfile raw, Gathered& gathered) {
    auto stacks = target_.UnwindStacks(raw.snapshots);
    if (!stacks.ok()) {
      gathered.not_unwound = stacks.status();
      return;
    }
    core::StackProfile profile = std::move(raw.profile);
    profile.stacks.resize(raw.stacks.size());
    core::JoinNative(*stacks, "", profile);
    gathered.profiles.push_back(std::move(profile));
  }

  // A process that grows fast is sampled less often, not at a higher cost.
  absl::Status Slow(uint64_t hits) {
    const uint64_t next =
        core::NextSamplePeriod(period_, hits, kSamplesPerTick);
    if (next == period_) return absl::OkStatus();
    period_ = next;
    probe_.Unwatch(target_.subject().pid);
    return Watch();
  }

  Target& target_;
  bpf::NativeProbe probe_;
  uint64_t period_ = 1;
  core::NativeGrowth grown_;
};

absl::Status Refused(const Target& target, const std::string& why) {
  return absl::UnimplementedError(
      absl::StrCat(target.refusal(), why.empty() ? "" : "; ", why));
}

void AddNotes(const Target& target, const Gathered& gathered,
              StacksReport& report) {
  report.notes.push_back(
      absl::StrCat("native stacks only: ", target.refusal()));
  report.notes.push_back(
      "page rows say which native code touched fresh memory first, not what "
      "stays");
  report.notes.push_back(
      absl::StrCat("samples of page faults cost the process ",
                   FormatShare(gathered.cost_ns / (report.seconds * 1e9)),
                   " of a core on average"));
  if (!gathered.not_unwound.ok()) {
    report.notes.push_back(absl::StrCat("some samples could not be unwound: ",
                                        TextOf(gathered.not_unwound)));
  }
  if (gathered.dropped > 0) {
    report.notes.push_back(absl::StrCat(FormatCount(gathered.dropped),
                                        " samples could not be read"));
  }
  if (gathered.interrupted) report.notes.push_back("ended early by Ctrl-C");
  if (!gathered.ended.ok()) {
    report.notes.push_back(
        "the process ended meanwhile; the figures are of the time before");
  }
}

void Gather(const Options& options, const Target& target, Sampler& sampler,
            Session& session, Progress& progress, Gathered& gathered) {
  const int64_t end_ns = BoottimeNs() + options.for_ns;
  while (BoottimeNs() < end_ns && !gathered.interrupted) {
    progress.Show(
        absl::StrCat("measuring: ", FormatDuration(end_ns - BoottimeNs()),
                     " left (Ctrl-C ends it early)"));
    gathered.interrupted =
        !session.interrupt.SleepUntil(std::min(end_ns, BoottimeNs() + kTickNs));
    gathered.ended = target.CheckAlive();
    if (gathered.ended.ok()) {
      gathered.ended = sampler.Take(BoottimeNs(), gathered);
    }
    if (!gathered.ended.ok()) return;
  }
}

}  // namespace

absl::Status RunRefusedStacks(const Options& options, Target& target,
                              const bpf::KernelSupport& kernel,
                              Session& session, Progress& progress) {
  if (options.malloc || !options.type.empty()) return Refused(target, "");
  auto probe = bpf::NativeProbe::Create(kernel);
  if (!probe.ok()) {
    return Refused(target, "no native stacks: " + TextOf(probe.status()));
  }
  Sampler sampler(target, *std::move(probe));
  PLIMSOLL_RETURN_IF_ERROR(sampler.Watch());
  Gathered gathered;
  const int64_t begin_ns = BoottimeNs();
  Gather(options, target, sampler, session, progress, gathered);
  StacksReport report{.subject = target.subject(),
                      .top = options.top,
                      .verbose = options.verbose,
                      .quiet = options.quiet};
  report.seconds = static_cast<double>(BoottimeNs() - begin_ns) / 1e9;
  report.net_counts_reason = "not measured: " + target.refusal();
  FillRows(gathered.profiles, {}, report);
  AddNotes(target, gathered, report);
  progress.Clear();
  PLIMSOLL_RETURN_IF_ERROR(session.Print(
      options.json ? StacksJson(report)
                   : RenderStacks(report, session.terminal.style())));
  return gathered.ended;
}

}  // namespace plimsoll::cli
