// plimsoll backtest: a user's own history, judged before anything is installed.
#include <limits>

#include "absl/strings/str_cat.h"
#include "cli/report/backtest_report.h"
#include "cli/report/text.h"
#include "cli/session/progress.h"
#include "cli/verbs/history.h"
#include "cli/verbs/verb.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kSparks = 24;

absl::Status CheckOptions(const Options& options) {
  if (options.metrics_files.empty() && options.prometheus_url.empty()) {
    return absl::InvalidArgumentError(
        "backtest needs a history: --metrics FILE... or --prometheus URL");
  }
  if (!options.attributes.empty() && options.requests_metric.empty()) {
    return absl::InvalidArgumentError(
        "--attributes names labels of a counter: say which with --requests");
  }
  return absl::OkStatus();
}

void AddNotes(const Options& options, const collector::Recording& recording,
              Notes& notes) {
  if (recording.no_pod() > 0) {
    notes.push_back(absl::StrCat(FormatCount(recording.no_pod()),
                                 " series have neither a pod nor an instance "
                                 "and were left out"));
  }
  if (recording.thinnings() > 0) {
    notes.push_back(absl::StrCat(
        "the history is longer than memory is given for: samples are ",
        15 << (recording.thinnings() - 1), " s apart at the least"));
  }
  if (options.requests_metric.empty()) {
    notes.push_back(
        "no request counter was named (--requests): growth with traffic is "
        "told from a leak by its shape alone, and no request is blamed");
  }
  notes.push_back(
      "with an agent on the nodes each line would also name the cause, the "
      "growing types and the code that makes them, and pages would need live "
      "objects that rise: leaks are told from caches, fragmentation and memory "
      "that is kept, by what they are");
}

// Of the worst pod, over the whole history; gaps are NaN.
std::vector<double> MemoryOf(const collector::Recording& recording,
                             const collector::Incident& incident) {
  std::vector<double> out;
  if (incident.processes.empty()) return out;
  const auto key = incident.processes.front().process;
  if (key < 1 || key > static_cast<int64_t>(recording.lives().size())) {
    return out;
  }
  const collector::RecordedUnit& unit =
      *recording.lives()[static_cast<size_t>(key - 1)].unit;
  const collector::RecordedStream& memory = unit.memory();
  if (memory.empty()) return out;
  const int64_t from = memory.time_ns(0);
  const int64_t span = memory.time_ns(memory.size() - 1) - from;
  out.assign(kSparks, std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < memory.size(); ++i) {
    const size_t at = span <= 0
                          ? 0
                          : static_cast<size_t>(
                                static_cast<double>(memory.time_ns(i) - from) /
                                static_cast<double>(span) *
                                (static_cast<double>(kSparks) - 1e-6));
    out[at] = memory.value(i);
  }
  return out;
}

absl::Status RunBacktestVerb(const Options& options, Session& session) {
  PLIMSOLL_RETURN_IF_ERROR(CheckOptions(options));
  Progress progress(session.terminal, options.quiet);
  collector::Recording recording({.requests_metric = options.requests_metric,
                                  .attributes = options.attributes});
  Notes notes;
  PLIMSOLL_RETURN_IF_ERROR(
      options.metrics_files.empty()
          ? ReadPrometheus(options, session, progress, recording)
          : ReadMetricsFiles(options, session, progress, recording, notes));
  recording.Seal();
  AddNotes(options, recording, notes);
  BacktestStory story;
  absl::Status printed;
  collector::BacktestOptions how;
  how.progress = [&](double share) {
    progress.Show(
        absl::StrCat("judging, ", static_cast<int>(100 * share), " %"));
    return printed.ok() && !session.interrupt.Requested();
  };
  const auto summary =
      collector::RunBacktest(recording, how, [&](const collector::Said& said) {
        story.Add(said);
        if (!options.json) return;
        progress.Clear();
        printed.Update(session.Print(SaidJson(said)));
      });
  progress.Clear();
  PLIMSOLL_RETURN_IF_ERROR(printed);
  PLIMSOLL_RETURN_IF_ERROR(summary.status());
  if (options.json) return session.Print(BacktestSummaryJson(*summary, notes));
  for (BacktestIncident& i : story.incidents()) {
    i.memory = MemoryOf(recording, i.incident);
  }
  return session.Print(RenderBacktest(story.incidents(), *summary, notes,
                                      session.terminal.style()));
}

}  // namespace

Verb BacktestVerb() {
  return {
      .name = "backtest",
      .summary = "what would have been paged, from a recorded history",
      .help =
          "Runs the collector's own judgement over your history in time order, "
          "without looking\nahead. Nothing needs to be installed.\n\n"
          "  SAID       when it would have been said\n"
          "  GROWTH     of one pod, the mean over the leaking ones; in "
          "brackets the 95 % interval\n"
          "  OOM IN     until the memory limit, seen from then, of the first "
          "pod\n"
          "  MEMORY     of the worst pod, over its whole history\n\n"
          "Understood: container_memory_rss, process_resident_memory_bytes, "
          "container_memory_\nworking_set_bytes, "
          "container_spec_memory_limit_bytes, process_start_time_seconds, "
          "with\nthe labels namespace, pod, container and, where present, "
          "workload, region, version.\n--json prints a line for each thing "
          "said and a summary last.\n\n"
          "Example:  promtool tsdb dump-openmetrics /prometheus > metrics.txt\n"
          "          plimsoll backtest --metrics metrics.txt\n"
          "          plimsoll backtest --prometheus http://localhost:9090 "
          "--since 14d \\\n"
          "              --requests http_requests_total --attributes "
          "city,outcome",
      .flags = {Flag::kHistory, Flag::kRequests},
      .run = &RunBacktestVerb};
}

}  // namespace plimsoll::cli
