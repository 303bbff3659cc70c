#include "cli/process/follow_births.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/bpf/birth_watch.h"
#include "agent/core/birth_run.h"
#include "agent/core/native_rows.h"
#include "cli/process/stack_names.h"
#include "cli/report/duration.h"
#include "cli/session/interrupt.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kTickNs = 10'000'000;

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

absl::StatusOr<core::StackProfile> FollowBirths(
    Target& target, const bpf::KernelSupport& kernel, const Followed& followed,
    int64_t until_ns, double budget_ns, Session& session, Progress& progress) {
  PLIMSOLL_ASSIGN_OR_RETURN(auto probe, bpf::BirthProbe::Create(kernel));
  PLIMSOLL_ASSIGN_OR_RETURN(auto watch, probe.Watch(target.python()));
  const int64_t begin_ns = BoottimeNs();
  core::BirthOptions options;
  options.duration_ns = std::max<int64_t>(until_ns - begin_ns, 0);
  options.budget_ns = budget_ns;
  options.seed = static_cast<uint64_t>(begin_ns);
  core::BirthRun run(
      target.python(), followed.type, followed.type_address, options,
      watch.get(),
      [&target](core::BirthLook look, core::BirthSession::LookDone done) {
        done(target.LookAtBirths(std::move(look)));
      },
      begin_ns);
  while (!run.done()) {
    progress.Show(absl::StrCat(
        "following ",
        followed.type_address == 0 ? "the growth of malloc"
                                   : absl::StrCat("births of ", followed.type),
        ": ", FormatDuration(std::max<int64_t>(0, until_ns - BoottimeNs())),
        " left (Ctrl-C ends it early)"));
    if (!session.interrupt.SleepUntil(BoottimeNs() + kTickNs)) run.EndEarly();
    run.Tick(BoottimeNs());
  }
  PLIMSOLL_RETURN_IF_ERROR(run.status());
  core::RawProfile raw = run.Profile();
  FrameNames names;
  PLIMSOLL_ASSIGN_OR_RETURN(raw.profile.stacks,
                            NameStacks(target, raw.stacks, names));
  if (!raw.snapshots.empty()) {
    PLIMSOLL_ASSIGN_OR_RETURN(const auto native,
                              target.UnwindStacks(raw.snapshots));
    core::JoinNative(native, BaseName(target.python().build.object_path),
                     raw.profile);
  }
  return std::move(raw.profile);
}

}  // namespace plimsoll::cli
