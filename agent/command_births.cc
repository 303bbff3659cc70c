#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/command_window.h"

namespace plimsoll::agent {
namespace {

using core::CommandKind;
using core::CommandOutcome;

constexpr int64_t kNsPerSecond = 1'000'000'000;
// Long enough for some ten births amid heavy churn within the bound on cost.
constexpr int64_t kShortestBirthsNs = 20 * kNsPerSecond;
constexpr int64_t kLongestBirthsNs = 120 * kNsPerSecond;
// Of malloc in a window; less comes and goes.
constexpr int64_t kLeastNativeGain = 64 << 10;

// What malloc gained that is no Python object, nor owned by one.
int64_t NativeGain(const core::HeapCensus& before,
                   const core::HeapCensus& after) {
  const auto bytes = [](const core::MallocUse& malloc) {
    return malloc.live_bytes - malloc.object_bytes - malloc.buffer_bytes;
  };
  return bytes(after.malloc) - bytes(before.malloc);
}

// What all types gained that grew.
int64_t PythonGain(const core::HeapCensus& before,
                   const core::HeapCensus& after) {
  absl::flat_hash_map<std::string, int64_t> bytes;
  for (const core::TypeCount& row : before.types) bytes[row.type] = row.bytes;
  int64_t gained = 0;
  for (const core::TypeCount& row : after.types) {
    gained += std::max<int64_t>(0, row.bytes - bytes[row.type]);
  }
  return gained;
}

bool FollowsMalloc(const core::Command& command, const core::HeapCensus& before,
                   const core::HeapCensus& after) {
  if (command.kind == CommandKind::kSampleNative) return true;
  if (command.kind != CommandKind::kOpenWindow || after.types.empty()) {
    return false;
  }
  const int64_t native = NativeGain(before, after);
  return native >= kLeastNativeGain && native > PythonGain(before, after);
}

// Those of `types` that are alive, in their order; without types the one that
// grew most.
std::vector<const core::TypeCount*> TypesToFollow(
    const core::HeapCensus& before, const core::HeapCensus& after,
    const std::vector<std::string>& types) {
  const core::HeapCensus& now = after.types.empty() ? before : after;
  std::vector<const core::TypeCount*> found;
  for (const std::string& type : types) {
    for (const core::TypeCount& row : now.types) {
      if (row.type == type) found.push_back(&row);
    }
  }
  if (!types.empty()) return found;
  absl::flat_hash_map<std::string, int64_t> bytes;
  for (const core::TypeCount& row : before.types) bytes[row.type] = row.bytes;
  const core::TypeCount* most = nullptr;
  int64_t grown = 0;
  for (const core::TypeCount& row : after.types) {
    const int64_t gain = row.bytes - bytes[row.type];
    if (gain <= grown) continue;
    grown = gain;
    most = &row;
  }
  if (most != nullptr) found.push_back(most);
  return found;
}

std::string WordsOf(const std::vector<core::StackProfile>& refused) {
  std::string words;
  for (const core::StackProfile& profile : refused) {
    absl::StrAppend(&words, words.empty() ? "" : "; ", profile.refusal);
  }
  return words;
}

}  // namespace

void CommandRunner::RunBirths(const core::Command& command) {
  if (probes_ == nullptr) {
    WatchedProcess& process = *table_->Find(command.process);
    return Refuse(command, process.tiers[core::Tier::kStacks].reason);
  }
  auto window = std::make_shared<Window>();
  window->command = command;
  census_->TakeNow(
      command.process,
      [this, alive = alive_, window](absl::StatusOr<core::HeapCensus> census) {
        if (!*alive) return;
        if (!census.ok()) return EndWith(window->command.id, census.status());
        window->before = *std::move(census);
        FollowBirths(window);
      });
}

void CommandRunner::FollowBirths(const std::shared_ptr<Window>& window) {
  const core::Command& command = window->command;
  const std::vector<const core::TypeCount*> types =
      TypesToFollow(window->before, window->after, command.types);
  const WatchedProcess* process = table_->Find(command.process);
  const bool native = !window->malloc_tried &&
                      FollowsMalloc(command, window->before, window->after);
  if ((window->births_tried >= types.size() && !native) || process == nullptr ||
      !process->python) {
    return EndBirths(window);
  }
  core::BirthRequest request;
  request.duration_ns =
      std::clamp(command.duration_ns, kShortestBirthsNs, kLongestBirthsNs);
  if (native) {
    window->malloc_tried = true;
  } else {
    const core::TypeCount& type = *types[window->births_tried++];
    request.type = type.type;
    request.type_address = type.type_address;
  }
  probes_->WatchBirths(
      command.process, *process->python, request,
      [this, alive = alive_, window, type = request.type](auto raw) {
        if (!*alive) return;
        if (raw.ok()) return HandleBirths(window, *std::move(raw));
        // Not all can be followed: large ones, free lists. The next, then.
        RememberRefusal(window, type, raw.status());
        FollowBirths(window);
      });
}

// `type` is empty for malloc.
void CommandRunner::RememberRefusal(const std::shared_ptr<Window>& window,
                                    const std::string& type,
                                    const absl::Status& why) {
  ++statistics_.births_refused;
  window->births_refusal = why;
  core::StackProfile& profile = window->refused.emplace_back();
  profile.kind =
      type.empty() ? core::ProfileKind::kNative : core::ProfileKind::kBirth;
  profile.command_id = window->command.id;
  profile.begin_boottime_ns = profile.end_boottime_ns = clock_->BoottimeNs();
  profile.coverage.method = "births followed to rest by watchpoints";
  const std::string words =
      type.empty() ? "the growth of malloc was" : "births of " + type + " were";
  profile.refusal = absl::StrCat(words, " not followed: ", why.message());
  WatchedProcess* process = table_->Find(window->command.process);
  if (process == nullptr) return;
  (type.empty() ? process->native_refusal : process->births_refusal) =
      profile.refusal;
}

// None was followed. What was refused is told: in the command's result or,
// where a window has answered it, by a snapshot of its own.
void CommandRunner::EndBirths(const std::shared_ptr<Window>& window) {
  const core::Command& command = window->command;
  if (window->ended) {
    if (!window->refused.empty()) SendEvidence(window, {});
    return;
  }
  WatchedProcess* process = table_->Find(command.process);
  if (process == nullptr || !process->python) {
    return EndWith(command.id, absl::NotFoundError("the process has ended"));
  }
  if (window->refused.empty()) {
    return EndWith(command.id, window->window_refusal.ok()
                                   ? absl::FailedPreconditionError(
                                         "none of the types is alive")
                                   : window->window_refusal);
  }
  if (command.kind == CommandKind::kWatchBirths && !window->instead_of_births &&
      process->tiers[core::Tier::kStacks].ok) {
    window->instead_of_births = true;
    return OpenWindow(window);
  }
  std::string words = WordsOf(window->refused);
  absl::StatusCode code = window->births_refusal.code();
  if (!window->window_refusal.ok()) {
    code = window->window_refusal.code();
    words = window->instead_of_births
                ? absl::StrCat(words, "; no window in their place: ",
                               window->window_refusal.message())
                : absl::StrCat(window->window_refusal.message(), "; ", words);
  }
  EndWith(command.id, absl::Status(code, words));
}

std::string CommandRunner::WhyInstead(const Window& window) {
  if (!window.instead_of_births) return "";
  return WordsOf(window.refused) + "; a window was taken in their place";
}

void CommandRunner::SendEvidence(const std::shared_ptr<Window>& window,
                                 std::vector<core::StackProfile> profiles) {
  if (over_) return;
  core::Snapshot snapshot;
  snapshot.process = window->command.process;
  snapshot.boottime_ns = clock_->BoottimeNs();
  snapshot.losses = std::exchange(window->losses, {});
  snapshot.stack_profiles = std::move(profiles);
  for (core::StackProfile& refused : std::exchange(window->refused, {})) {
    snapshot.stack_profiles.push_back(std::move(refused));
  }
  events_.on_evidence(std::move(snapshot));
}

void CommandRunner::HandleBirths(const std::shared_ptr<Window>& window,
                                 core::RawProfile raw) {
  const bool none = raw.profile.counts.empty();  // and its refusal says why
  ++(none ? statistics_.births_none : statistics_.births_followed);
  WatchedProcess* process = table_->Find(window->command.process);
  if (process != nullptr) {
    (raw.profile.kind == core::ProfileKind::kNative ? process->native_refusal
                                                    : process->births_refusal)
        .clear();
  }
  window->losses = raw.losses;
  raw.profile.command_id = window->command.id;
  namer_.Name(window->command.process, std::move(raw),
              [this, window](core::StackProfile named) {
                SendEvidence(window, {std::move(named)});
                if (window->ended) return;
                End(window->command.id, CommandOutcome::kDone, "");
              });
}

}  // namespace plimsoll::agent
