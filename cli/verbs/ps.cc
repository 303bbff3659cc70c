// plimsoll ps: the Python processes of this node.
#include <unistd.h>

#include "agent/bpf/kernel_support.h"
#include "cli/process/discovery.h"
#include "cli/report/ps_report.h"
#include "cli/session/progress.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

// Where nothing can be attached, no build's probe addresses help.
void RefuseStacks(const absl::Status& why, PsReport& report) {
  for (PsProcess& process : report.processes) {
    for (core::TierStatus& tier : process.tiers) {
      if (tier.tier != core::Tier::kStacks || !tier.ok) continue;
      tier.ok = false;
      tier.reason = std::string(why.message());
    }
  }
}

// Page faults with native stacks need to know nothing of the interpreter.
void OfferNativeStacks(PsReport& report) {
  for (PsProcess& process : report.processes) {
    if (!process.refused_by_name) continue;
    for (core::TierStatus& tier : process.tiers) {
      if (tier.tier != core::Tier::kStacks) continue;
      tier.reason = "native stacks only: " + tier.reason;
    }
  }
}

absl::Status RunPs(const Options& options, Session& session) {
  Progress progress(session.terminal, options.quiet);
  progress.Show("looking for interpreters");
  PLIMSOLL_ASSIGN_OR_RETURN(Discovery discovery, Discovery::Make());
  PsReport report;
  report.quiet = options.quiet;
  PLIMSOLL_ASSIGN_OR_RETURN(report.processes, discovery.Scan());
  const auto kernel = bpf::KernelSupport::Detect();
  if (kernel.bpf() && kernel.page_fault_refusal.empty()) {
    OfferNativeStacks(report);
  }
  report.rung_refusals = kernel.RungRefusals();
  if (const auto rung = kernel.Rung(); rung.ok()) {
    report.uprobe_rung = bpf::UprobeRungName(*rung);
  } else {
    RefuseStacks(rung.status(), report);
  }
  if (::geteuid() != 0) {
    report.notes.push_back(
        "not run as root: processes of other users may be missing or unread");
  }
  progress.Clear();
  return session.Print(options.json
                           ? PsJson(report)
                           : RenderPs(report, session.terminal.style()));
}

}  // namespace

Verb PsVerb() {
  return {
      .name = "ps",
      .summary = "Python processes of this node, and how well each is seen",
      .help =
          "  PYTHON    version of the interpreter; - where it could not be "
          "read\n"
          "  RSS       resident memory\n"
          "  ANON      anonymous part of it: what leaks grow\n"
          "  LIMIT     the memory limit that would kill it; - without one\n"
          "  WORKLOAD  service, unit or command that it is part of\n"
          "  SEEN      what can be measured: memory, gc, headers (free and "
          "used blocks),\n            census (objects by type), stacks, native "
          "(growth outside Python)\n\n"
          "Example:  plimsoll ps --json | jq '.processes[] | {pid, rss_bytes}'",
      .flags = {},
      .run = &RunPs};
}

}  // namespace plimsoll::cli
