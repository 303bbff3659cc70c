// Discovery finds the Python processes of the node: by a scan of /proc, and at
// once where lifecycle events say that a process executed or ended. It asks the
// Inspector, never a file's name. One thread: the loop's.
//
//   unknown -> asking -> python | refused      (reported, watched to its end)
//                     -> not python            (looked at again, ever later,
//                                               and when it execs)
#ifndef PLIMSOLL_AGENT_DISCOVERY_H_
#define PLIMSOLL_AGENT_DISCOVERY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/candidate_filter.h"
#include "agent/core/ports.h"
#include "agent/core/process.h"
#include "agent/core/unreadable_processes.h"
#include "agent/procfs/proc_root.h"

namespace plimsoll::agent {

struct DiscoveryEvents {
  // A process that runs a CPython. With an error: it does, or may, but cannot
  // be read, and the status says why.
  std::function<void(const core::ProcessId&,
                     absl::StatusOr<core::PythonProcess>)>
      on_python;
  // It ended, or runs another image now.
  std::function<void(const core::ProcessId&)> on_gone;
  // A scan missed a process that no event told of yet: events that wait know
  // more of its end, and come first. May be empty.
  std::function<void()> before_gone;
};

class Discovery {
 public:
  Discovery(procfs::ProcRoot proc, core::Inspector* inspector,
            DiscoveryEvents events, int32_t self_pid);
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Every few seconds. An error means that /proc itself cannot be read.
  absl::Status Scan();
  // From lifecycle events. An exec is looked at by the next LookAtExecs(), a
  // second later: most programs that a busy node starts have ended by then.
  void HandleExec(int32_t pid);
  void LookAtExecs();
  void HandleExit(int32_t pid);

  // Processes that could not be looked at.
  core::UnreadableProcesses unreadable() const;
  // No question to the Inspector is open or waiting.
  bool settled() const { return !asking_ && queue_.empty(); }

 private:
  enum class State { kUnknown, kAsking, kPython, kNotPython };
  struct Known {
    core::ProcessId id;
    uint64_t start_code = 0;
    uint64_t start_stack = 0;
    State state = State::kUnknown;
    int64_t looks = 0;
    int64_t next_look = 0;   // scan number
    std::string unreadable;  // why the last look failed; "" when it did not
  };
  void Look(int32_t pid, Known& known);
  void AskNext();
  void HandleAnswer(int32_t pid, core::ProcessId asked,
                    std::vector<core::Mapping> mappings,
                    absl::StatusOr<core::PythonProcess> answer);
  void Forget(int32_t pid);
  bool IsSame(const core::ProcessId& id) const;

  procfs::ProcRoot proc_;
  core::Inspector* const inspector_;
  const DiscoveryEvents events_;
  const int32_t self_pid_;
  core::CandidateFilter filter_;
  std::map<int32_t, Known> known_;
  std::set<int32_t> execs_;
  std::deque<int32_t> queue_;
  bool asking_ = false;
  int64_t scan_ = 0;
  // An answer that comes after this object's end finds it gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_DISCOVERY_H_
