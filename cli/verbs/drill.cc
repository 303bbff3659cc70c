// plimsoll drill: a harmless leak, so that a team exercises its page from end
// to end.
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/report/drill_plan.h"
#include "cli/report/duration.h"
#include "cli/session/progress.h"
#include "cli/verbs/drill_child.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int kStartTimeoutMs = 30'000;
constexpr int kEndTries = 50;
constexpr useconds_t kEndPauseUs = 20'000;

absl::Status EndedEarly(int status) {
  if (WIFSIGNALED(status)) {
    return absl::InternalError(
        absl::StrCat("the drill's process was killed by signal ",
                     WTERMSIG(status), " before its time"));
  }
  const int code = WEXITSTATUS(status);
  if (code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the drill's process ended early",
                   code == 125   ? ": it could not be put into its cgroup"
                   : code == 127 ? ": the interpreter could not be started"
                                 : absl::StrCat(" with exit code ", code)));
}

// Its output is closed a moment before it can be waited for.
absl::Status NotStarted(DrillChild& child, const std::string& python) {
  int status = 0;
  for (int i = 0; i < kEndTries && !child.Ended(&status); ++i) {
    ::usleep(kEndPauseUs);
  }
  if (status != 0) return EndedEarly(status);
  return absl::DeadlineExceededError(
      absl::StrCat(python, " did not start the drill within ",
                   kStartTimeoutMs / 1000, " s"));
}

absl::Status RunDrill(const Options& options, Session& session) {
  PLIMSOLL_ASSIGN_OR_RETURN(DrillPlan plan, PlanDrill(options));
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string python,
                            FindPython(options.python));
  RunningDrill drill;
  std::unique_ptr<DrillCgroup> cgroup;
  if (plan.limit_bytes > 0) {
    auto made = DrillCgroup::Make(plan.limit_bytes);
    if (made.ok()) {
      cgroup = *std::move(made);
    } else {
      plan.limit_bytes = 0;
      drill.why_no_limit = std::string(made.status().message());
    }
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto child,
      DrillChild::Start(python, DrillArguments(plan),
                        {absl::StrCat("OTEL_SERVICE_NAME=", kDrillWorkload)},
                        cgroup.get()));
  if (!child->AwaitStart(kStartTimeoutMs)) return NotStarted(*child, python);
  const int64_t end_ns = BoottimeNs() + plan.for_ns;
  drill.plan = plan;
  drill.pid = child->pid();
  drill.python = python;
  drill.will_end_unix_s = static_cast<double>(UnixNs() + plan.for_ns) / 1e9;
  PLIMSOLL_RETURN_IF_ERROR(session.Print(
      options.json ? DrillJson(drill)
                   : RenderDrill(drill, session.terminal.style())));
  Progress progress(session.terminal, options.quiet);
  int status = 0;
  while (BoottimeNs() < end_ns && !session.interrupt.Requested()) {
    if (child->Ended(&status)) {
      // Its clock may run out a moment before ours.
      return BoottimeNs() + kSecondNs < end_ns ? EndedEarly(status)
                                               : absl::OkStatus();
    }
    progress.Show(absl::StrCat("leaking, ends in ",
                               FormatDuration(end_ns - BoottimeNs())));
    session.interrupt.SleepUntil(
        std::min(end_ns, BoottimeNs() + kSecondNs / 2));
  }
  return absl::OkStatus();
}

}  // namespace

Verb DrillVerb() {
  return {.name = "drill",
          .summary = "make a harmless leak, to exercise the page",
          .help =
              "Starts a Python of its own that keeps objects of type "
              "plimsoll_drill.Leaked at a\nsteady rate, bounded in size and "
              "time, in a memory cgroup of its own whose limit\nit stays "
              "under (as root; without one there is nothing that it comes "
              "near to, and\nno page). With the defaults a page is due after "
              "four to six minutes. It ends\nwith its time, with Ctrl-C, and "
              "with this command however that ends.\n\n"
              "Example:  plimsoll drill --for 8m\n"
              "          plimsoll drill --rate 4MiB --for 20m --limit 256MiB",
          .flags = {Flag::kFor, Flag::kDrill},
          .default_for = "10m",
          .for_means = "how long it leaks",
          .run = &RunDrill};
}

}  // namespace plimsoll::cli
