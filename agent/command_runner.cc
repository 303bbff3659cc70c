#include "agent/command_runner.h"

#include <algorithm>
#include <utility>

#include "agent/command_window.h"
#include "agent/core/window_balance.h"

namespace plimsoll::agent {
namespace {

using core::CommandKind;
using core::CommandOutcome;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kDefaultWindowNs = 10 * kNsPerSecond;
constexpr int64_t kMaxWindowNs = 300 * kNsPerSecond;
constexpr size_t kMaxRunning = 64;
constexpr size_t kMaxRemembered = 256;

const char* NameOf(CommandKind kind) {
  switch (kind) {
    case CommandKind::kTakeCensus:
      return "TakeCensus";
    case CommandKind::kOpenWindow:
      return "OpenWindow";
    case CommandKind::kWatchBirths:
      return "WatchBirths";
    case CommandKind::kWatchStores:
      return "WatchStores";
    case CommandKind::kFindHolders:
      return "FindHolders";
    case CommandKind::kSampleNative:
      return "SampleNative";
    case CommandKind::kUnknown:
      break;
  }
  return "a command that is newer than this agent";
}

}  // namespace

CommandRunner::CommandRunner(ProcessTable* table, CensusRunner* census,
                             core::Inspector* inspector,
                             core::ProbePort* probes, core::Clock* clock,
                             std::string boot_id, CommandEvents events,
                             core::NativeInspector* native)
    : table_(table),
      census_(census),
      namer_(table, inspector, native),
      probes_(probes),
      clock_(clock),
      boot_id_(std::move(boot_id)),
      events_(std::move(events)) {}

void CommandRunner::End(uint64_t command_id, CommandOutcome outcome,
                        std::string reason) {
  // One answer, whichever of several ends comes first.
  if (running_.erase(command_id) == 0) return;
  switch (outcome) {
    case CommandOutcome::kDone:
      ++statistics_.done;
      break;
    case CommandOutcome::kRefused:
      ++statistics_.refused;
      break;
    case CommandOutcome::kFailed:
      ++statistics_.failed;
      break;
    case CommandOutcome::kProcessGone:
      ++statistics_.gone;
      break;
  }
  if (ended_.size() >= kMaxRemembered) ended_.pop_front();
  ended_.push_back({command_id, outcome, std::move(reason)});
  events_.on_result(ended_.back());
}

void CommandRunner::EndWith(uint64_t command_id, const absl::Status& status) {
  CommandOutcome outcome = CommandOutcome::kFailed;
  if (absl::IsNotFound(status)) outcome = CommandOutcome::kProcessGone;
  if (absl::IsResourceExhausted(status) || absl::IsUnimplemented(status) ||
      absl::IsFailedPrecondition(status) || absl::IsAlreadyExists(status)) {
    outcome = CommandOutcome::kRefused;
  }
  End(command_id, outcome, std::string(status.message()));
}

void CommandRunner::Refuse(const core::Command& command, std::string reason) {
  End(command.id, CommandOutcome::kRefused, std::move(reason));
}

void CommandRunner::EndAll(const std::string& reason) {
  over_ = true;
  for (uint64_t id : std::set<uint64_t>(running_)) {
    End(id, CommandOutcome::kFailed, reason);
  }
}

void CommandRunner::Run(const core::Command& command) {
  // Sent again after a lost stream: the first one answers, and what it did is
  // not done twice.
  if (running_.contains(command.id)) return;
  for (const core::CommandResult& result : ended_) {
    if (result.command_id == command.id) return events_.on_result(result);
  }
  running_.insert(command.id);
  if (running_.size() > kMaxRunning) {
    return Refuse(command, "64 commands are under way already");
  }
  WatchedProcess* process = table_->Find(command.process);
  if (process == nullptr || command.boot_id != boot_id_) {
    return End(command.id, CommandOutcome::kProcessGone,
               "no such process runs on this node now");
  }
  if (!process->python) return Refuse(command, process->refusal);
  switch (command.kind) {
    case CommandKind::kTakeCensus:
      return RunCensus(command);
    case CommandKind::kOpenWindow:
      return RunWindow(command);
    case CommandKind::kWatchBirths:
    case CommandKind::kSampleNative:
      return RunBirths(command);
    default:
      return Refuse(command, std::string("this agent cannot execute ") +
                                 NameOf(command.kind));
  }
}

void CommandRunner::RunCensus(const core::Command& command) {
  census_->TakeNow(
      command.process,
      [this, alive = alive_, command](absl::StatusOr<core::HeapCensus> census) {
        if (!*alive) return;
        if (!census.ok()) return EndWith(command.id, census.status());
        core::Snapshot snapshot;
        snapshot.process = command.process;
        snapshot.boottime_ns = clock_->BoottimeNs();
        snapshot.census = *std::move(census);
        events_.on_evidence(std::move(snapshot));
        End(command.id, CommandOutcome::kDone, "");
      });
}

void CommandRunner::RunWindow(const core::Command& command) {
  WatchedProcess& process = *table_->Find(command.process);
  const core::TierStatus& stacks = process.tiers[core::Tier::kStacks];
  if (probes_ == nullptr || !stacks.ok) {
    return Refuse(command, stacks.reason);
  }
  auto window = std::make_shared<Window>();
  window->command = command;
  census_->TakeNow(
      command.process,
      [this, alive = alive_, window](absl::StatusOr<core::HeapCensus> census) {
        if (*alive) HandleBefore(window, std::move(census));
      });
}

void CommandRunner::HandleBefore(const std::shared_ptr<Window>& window,
                                 absl::StatusOr<core::HeapCensus> census) {
  const core::Command& command = window->command;
  if (!census.ok()) return EndWith(command.id, census.status());
  window->before = *std::move(census);
  OpenWindow(window);
}

void CommandRunner::OpenWindow(const std::shared_ptr<Window>& window) {
  const core::Command& command = window->command;
  WatchedProcess* process = table_->Find(command.process);
  if (process == nullptr || !process->python) {
    return EndWith(command.id, absl::NotFoundError("the process has ended"));
  }
  core::WindowRequest request;
  request.duration_ns =
      command.duration_ns > 0 ? command.duration_ns : kDefaultWindowNs;
  request.duration_ns = std::min(request.duration_ns, kMaxWindowNs);
  request.object_malloc = command.object_malloc;
  window->frees_probed =
      command.object_malloc && core::OffersFrees(process->python->build);
  for (const core::TypeCount& type : window->before.types) {
    request.known_types.push_back(type.type_address);
  }
  probes_->OpenWindow(
      command.process, *process->python, request,
      [this, alive = alive_, window](absl::StatusOr<core::RawProfile> raw) {
        if (*alive) HandleCounts(window, std::move(raw));
      });
}

void CommandRunner::HandleCounts(const std::shared_ptr<Window>& window,
                                 absl::StatusOr<core::RawProfile> raw) {
  if (!raw.ok()) {
    window->window_refusal = raw.status();
    return FollowBirths(window);
  }
  window->raw = *std::move(raw);
  census_->TakeNow(
      window->command.process,
      [this, alive = alive_, window](absl::StatusOr<core::HeapCensus> census) {
        if (*alive) HandleAfter(window, std::move(census));
      });
}

void CommandRunner::HandleAfter(const std::shared_ptr<Window>& window,
                                absl::StatusOr<core::HeapCensus> census) {
  core::StackProfile& profile = window->raw.profile;
  profile.command_id = window->command.id;
  if (census.ok()) {
    core::BalanceWindow(window->before, *census, window->frees_probed,
                        window->raw.losses, profile);
    core::NameTypes(*census, profile);
    window->after = *std::move(census);
  } else {
    profile.net_counts_refused = true;
    profile.refusal =
        "no census after the window: " + std::string(census.status().message());
  }
  core::NameTypes(window->before, profile);
  const std::vector<std::string>& types = window->command.types;
  if (!types.empty()) {
    std::erase_if(profile.counts, [&](const core::StackCount& count) {
      return !count.type.empty() &&
             std::find(types.begin(), types.end(), count.type) == types.end();
    });
  }
  window->losses = window->raw.losses;
  namer_.Name(window->command.process, std::move(window->raw),
              [this, window](core::StackProfile named) {
                Deliver(window, std::move(named));
              });
}

void CommandRunner::Deliver(const std::shared_ptr<Window>& window,
                            core::StackProfile profile) {
  if (!running_.contains(window->command.id)) return;  // answered already
  const std::string why = WhyInstead(*window);
  std::vector<core::StackProfile> profiles;
  profiles.push_back(std::move(profile));
  SendEvidence(window, std::move(profiles));
  window->ended = true;
  End(window->command.id, CommandOutcome::kDone, why);
  if (!window->instead_of_births) FollowBirths(window);
}

}  // namespace plimsoll::agent
