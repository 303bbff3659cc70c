#include "agent/request_sources.h"

#include <algorithm>
#include <utility>

#include "agent/procfs/request_rule.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

using core::Tier;

constexpr int64_t kNsPerSecond = 1'000'000'000;
// How often the mappings of a process without request files are read again.
constexpr int64_t kRequestScanNs = 60 * kNsPerSecond;
// The wait doubles with each failure, up to 4 minutes.
constexpr int kMostDoublings = 4;

}  // namespace

RequestSources::RequestSources(const Config& config, procfs::ProcRoot proc,
                               core::RequestPort* port, core::Clock* clock,
                               int64_t ticks_per_second)
    : config_(config),
      proc_(std::move(proc)),
      port_(port),
      clock_(clock),
      ticks_per_second_(ticks_per_second),
      files_({config.request_labels, config.request_metrics,
              config.request_gauges}) {}

absl::Status RequestSources::ReadFiles(const core::ProcessId& id,
                                       WatchedProcess& process,
                                       core::Snapshot& snapshot) {
  const int64_t now = clock_->BoottimeNs();
  if (process.request_files.empty() && now >= process.next_request_scan_ns) {
    process.next_request_scan_ns = now + kRequestScanNs;
    if (auto maps = proc_.ReadMaps(id.pid); maps.ok()) {
      process.request_files = workload::MappedDatabases(*maps);
    }
  }
  int64_t bad_files = 0;
  auto requests = files_.Read(
      {process.description.namespace_pid, proc_.PathOf(id.pid, "root"),
       process.multiprocess_directory, process.request_files},
      &bad_files);
  if (bad_files > 0) process.losses["bad_request_file"] += bad_files;
  if (!requests.ok()) {
    process.request_files.clear();
    return requests.status();
  }
  if (requests->capped) ++process.losses["label_limit"];
  snapshot.requests = *std::move(requests);
  process.SetTier(Tier::kRequests, true, "", snapshot.requests->source);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<core::RequestQuestion>>
RequestSources::QuestionFor(const core::ProcessId& id,
                            const WatchedProcess& process) const {
  const core::ProcessDescription& description = process.description;
  const procfs::RequestRule* rule = procfs::FindRequestRule(
      config_.request_rules, process.cgroup_names, description);
  core::RequestQuestion question;
  if (rule != nullptr && rule->metrics) {
    question.metrics = rule->metrics;
  } else if (config_.scrape_pods && process.scrape.asked &&
             !(rule != nullptr && rule->metrics_off)) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        question.metrics,
        core::ParseMetricsEndpoint(process.scrape.scheme, process.scrape.port,
                                   process.scrape.path));
  }
  if (rule != nullptr && !rule->uwsgi.empty()) {
    question.uwsgi = true;
    question.uwsgi_address = rule->uwsgi;
  } else if (!(rule != nullptr && rule->uwsgi_off)) {
    question.uwsgi = description.command.starts_with("uwsgi");
  }
  if (!question.metrics && !question.uwsgi) return std::nullopt;
  question.id = id;
  question.namespace_pid = description.namespace_pid;
  question.start_s = static_cast<double>(id.start_ticks) /
                     static_cast<double>(ticks_per_second_);
  question.start_unix_s = static_cast<double>(description.start_unix_ns) / 1e9;
  question.pod_ip = process.scrape.pod_ip;
  return question;
}

void RequestSources::Look(const core::ProcessId& id, WatchedProcess& process,
                          core::Snapshot& snapshot) {
  absl::Status files = ReadFiles(id, process, snapshot);
  if (files.ok()) return;
  if (absl::IsNotFound(files) && port_ != nullptr) {
    auto question = QuestionFor(id, process);
    if (!question.ok()) {
      process.SetTier(Tier::kRequests, false,
                      std::string(question.status().message()), "");
      return;
    }
    if (*question) {
      Ask(**std::move(question), process);
      return;
    }
  }
  const bool unknown =
      absl::IsNotFound(files) && !process.environment_refusal.empty();
  process.SetTier(
      Tier::kRequests, false,
      unknown ? process.environment_refusal : std::string(files.message()), "");
}

void RequestSources::Ask(core::RequestQuestion question,
                         WatchedProcess& process) {
  const core::ProcessId id = question.id;
  auto [known, fresh] = asked_.try_emplace(
      id, workload::CounterContinuity(question.namespace_pid, question.start_s,
                                      question.start_unix_s));
  Asked& asked = known->second;
  for (const auto& [reason, count] : std::exchange(asked.losses, {})) {
    process.losses[reason] += count;
  }
  process.SetTier(Tier::kRequests, asked.last.ok(),
                  std::string(asked.last.message()), asked.source);
  const int64_t now = clock_->BoottimeNs();
  if (asked.waiting || asked.given_up || now < asked.next_ns) return;
  asked.waiting = true;
  asked.next_ns = now + kAskPeriodNs;
  port_->Ask(
      std::move(question),
      [this, alive = alive_, id](absl::StatusOr<core::RequestAnswer> answer) {
        if (*alive) Take(id, std::move(answer));
      });
}

void RequestSources::Refuse(Asked& asked, absl::Status why) {
  asked.failures = std::min(asked.failures + 1, kMostDoublings);
  asked.next_ns = clock_->BoottimeNs() + (kAskPeriodNs << asked.failures);
  asked.source.clear();
  if (absl::IsInvalidArgument(why) || absl::IsOutOfRange(why)) {
    ++asked.losses["bad_request_file"];
  }
  if (absl::IsResourceExhausted(why)) ++asked.losses["cpu_budget"];
  asked.last = std::move(why);
}

void RequestSources::Take(const core::ProcessId& id,
                          absl::StatusOr<core::RequestAnswer> answer) {
  const auto known = asked_.find(id);
  if (known == asked_.end()) return;  // it ended meanwhile
  Asked& asked = known->second;
  asked.waiting = false;
  if (!answer.ok()) {
    Refuse(asked, answer.status());
    return;
  }
  core::Snapshot snapshot;
  snapshot.process = id;
  snapshot.boottime_ns = clock_->BoottimeNs();
  // uWSGI's statistics name each worker; /metrics is whoever answers.
  const bool named = answer->counts.source == "uwsgi";
  asked.last = named ? absl::OkStatus() : asked.continuity.Check(*answer);
  asked.source = asked.last.ok() ? answer->counts.source : "";
  asked.failures = 0;
  if (absl::IsUnavailable(asked.last))
    return;  // nothing is told while in doubt
  if (!asked.last.ok()) {
    asked.given_up = true;
    answer->counts.counts.clear();
    answer->counts.other_count = 0;
    answer->counts.reliable = false;
    answer->counts.unreliable_reason = std::string(asked.last.message());
  }
  if (answer->counts.capped) ++asked.losses["label_limit"];
  snapshot.requests = std::move(answer->counts);
  answers_.push_back(std::move(snapshot));
}

std::vector<core::Snapshot> RequestSources::TakeAnswers() {
  return std::exchange(answers_, {});
}

}  // namespace plimsoll::agent
