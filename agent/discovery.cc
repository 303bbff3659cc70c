#include "agent/discovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

// Looks at what was not Python: after 1, 2, 4 ... scans, then every 64. A
// process may exec, or load an interpreter as a plug-in, long after its start.
constexpr int64_t kLongestPause = 64;

int64_t PauseAfter(int64_t looks) {
  return std::min<int64_t>(int64_t{1} << std::min<int64_t>(looks, 6),
                           kLongestPause);
}

std::string ReasonOf(const absl::Status& status) {
  return absl::IsPermissionDenied(status)
             ? "no permission (it is protected, or CAP_SYS_PTRACE is missing)"
             : std::string(status.message());
}

// Those of `asked` whose file is still mapped.
std::vector<core::Mapping> StillMapped(std::vector<core::Mapping> asked,
                                       const std::vector<core::Mapping>& now) {
  std::set<std::pair<uint64_t, uint64_t>> files;
  for (const core::Mapping& mapping : now) {
    files.emplace(mapping.device, mapping.inode);
  }
  std::erase_if(asked, [&](const core::Mapping& mapping) {
    return !files.contains({mapping.device, mapping.inode});
  });
  return asked;
}

}  // namespace

Discovery::Discovery(procfs::ProcRoot proc, core::Inspector* inspector,
                     DiscoveryEvents events, int32_t self_pid)
    : proc_(std::move(proc)),
      inspector_(inspector),
      events_(std::move(events)),
      self_pid_(self_pid) {}

Discovery::~Discovery() { *alive_ = false; }

absl::Status Discovery::Scan() {
  PLIMSOLL_ASSIGN_OR_RETURN(std::vector<int32_t> pids, proc_.ListPids());
  ++scan_;
  std::vector<int32_t> gone;
  for (const auto& [pid, known] : known_) {
    if (!std::binary_search(pids.begin(), pids.end(), pid)) gone.push_back(pid);
  }
  if (!gone.empty() && events_.before_gone) events_.before_gone();
  for (int32_t pid : gone) Forget(pid);
  for (int32_t pid : pids) {
    if (pid == self_pid_) continue;
    Known& known = known_[pid];
    // What is watched is looked at each time: an exec must not go unseen.
    bool due = known.state == State::kPython || scan_ >= known.next_look;
    if (due && known.state != State::kAsking) Look(pid, known);
  }
  AskNext();
  return absl::OkStatus();
}

void Discovery::HandleExec(int32_t pid) {
  if (pid != self_pid_) execs_.insert(pid);
}

void Discovery::LookAtExecs() {
  for (int32_t pid : std::exchange(execs_, {})) {
    Known& known = known_[pid];
    known.looks = 0;
    if (known.state != State::kAsking) Look(pid, known);
  }
  AskNext();
}

void Discovery::HandleExit(int32_t pid) {
  execs_.erase(pid);
  Forget(pid);
}

core::UnreadableProcesses Discovery::unreadable() const {
  core::UnreadableProcesses reasons;
  for (const auto& [pid, known] : known_) {
    if (!known.unreadable.empty()) reasons[known.unreadable].push_back(pid);
  }
  return reasons;
}

void Discovery::Forget(int32_t pid) {
  auto it = known_.find(pid);
  if (it == known_.end()) return;
  Known known = it->second;
  known_.erase(it);
  if (known.state == State::kPython) events_.on_gone(known.id);
}

void Discovery::Look(int32_t pid, Known& known) {
  auto stat = proc_.ReadStat(pid);
  if (!stat.ok() || stat->state == 'Z' || stat->state == 'X') {
    // May end `known`, which is not looked at again.
    if (events_.before_gone) events_.before_gone();
    Forget(pid);
    return;
  }
  // Our own inspector, which is sandboxed against being read.
  if (stat->parent_pid == self_pid_) {
    known.state = State::kNotPython;
    known.next_look = scan_ + kLongestPause;
    return;
  }
  bool first = known.id.pid == 0;
  bool reused = !first && stat->start_ticks != known.id.start_ticks;
  bool executed = !first && !reused &&
                  (stat->start_code != known.start_code ||
                   stat->start_stack != known.start_stack);
  if (reused || executed) {
    if (known.state == State::kPython) events_.on_gone(known.id);
    known.state = State::kUnknown;
    known.looks = 0;
  }
  known.id = {
      pid, stat->start_ticks,
      executed ? known.id.exec_seq + 1 : (reused ? 0 : known.id.exec_seq)};
  known.start_code = stat->start_code;
  known.start_stack = stat->start_stack;
  if (known.state == State::kPython) return;
  known.next_look = scan_ + PauseAfter(known.looks++);
  known.unreadable.clear();
  auto mappings = proc_.ReadMaps(pid);
  if (!mappings.ok()) {
    if (!absl::IsNotFound(mappings.status())) {
      known.unreadable = ReasonOf(mappings.status());
    }
    return;
  }
  if (!filter_.MayBePython(*mappings)) return;
  known.state = State::kAsking;
  queue_.push_back(pid);
}

void Discovery::AskNext() {
  while (!asking_ && !queue_.empty()) {
    int32_t pid = queue_.front();
    queue_.pop_front();
    auto known = known_.find(pid);
    if (known == known_.end() || known->second.state != State::kAsking) {
      continue;
    }
    // Read again: others' answers may have settled this one meanwhile.
    auto mappings = proc_.ReadMaps(pid);
    if (!mappings.ok() || !filter_.MayBePython(*mappings)) {
      known->second.state = State::kNotPython;
      continue;
    }
    asking_ = true;
    core::ProcessId id = known->second.id;
    inspector_->Identify(
        pid, [this, alive = alive_, pid, id, maps = *std::move(mappings)](
                 absl::StatusOr<core::PythonProcess> answer) mutable {
          if (!*alive) return;
          asking_ = false;
          HandleAnswer(pid, id, std::move(maps), std::move(answer));
          AskNext();
        });
  }
}

bool Discovery::IsSame(const core::ProcessId& id) const {
  auto stat = proc_.ReadStat(id.pid);
  return stat.ok() && stat->start_ticks == id.start_ticks;
}

void Discovery::HandleAnswer(int32_t pid, core::ProcessId asked,
                             std::vector<core::Mapping> mappings,
                             absl::StatusOr<core::PythonProcess> answer) {
  auto it = known_.find(pid);
  if (it == known_.end() || it->second.id != asked) return;
  Known& known = it->second;
  known.state = State::kNotPython;
  if (!IsSame(asked)) {
    Forget(pid);
    return;
  }
  if (answer.ok()) {
    known.state = State::kPython;
    events_.on_python(known.id, std::move(answer));
    return;
  }
  switch (answer.status().code()) {
    case absl::StatusCode::kNotFound: {
      // Only what is still mapped was surely mapped when the Inspector looked:
      // a process that left Python by exec must not condemn its interpreter.
      if (auto now = proc_.ReadMaps(pid); now.ok()) {
        filter_.LearnNotPython(StillMapped(std::move(mappings), *now));
      }
      return;
    }
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      // Not an answer about the program: asked again at a later look.
      known.unreadable = ReasonOf(answer.status());
      return;
    default:
      known.state = State::kPython;
      events_.on_python(known.id, std::move(answer));
  }
}

}  // namespace plimsoll::agent
