// CommandRunner executes what the collector asks: a census, or a window with a
// census on both sides of it and a birth watch of the type that grows behind
// it. The evidence is a snapshot that carries the command's id; the result says
// done, refused, failed or gone, and why. Births come in a snapshot of their
// own, after the result where the window itself was taken; births that were
// refused come as a profile without rows that says why. A command for births
// that are refused takes a window in their place. Loop thread only; owned by
// Agent.
#ifndef PLIMSOLL_AGENT_COMMAND_RUNNER_H_
#define PLIMSOLL_AGENT_COMMAND_RUNNER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/census_runner.h"
#include "agent/core/clock.h"
#include "agent/core/command.h"
#include "agent/core/native_inspector.h"
#include "agent/core/ports.h"
#include "agent/core/probe_port.h"
#include "agent/process_table.h"
#include "agent/stack_namer.h"

namespace plimsoll::agent {

struct CommandEvents {
  // Evidence: to be reported at once, before the result.
  std::function<void(core::Snapshot)> on_evidence;
  std::function<void(core::CommandResult)> on_result;
};

class CommandRunner {
 public:
  CommandRunner(ProcessTable* table, CensusRunner* census,
                core::Inspector* inspector, core::ProbePort* probes,
                core::Clock* clock, std::string boot_id, CommandEvents events,
                core::NativeInspector* native = nullptr);
  ~CommandRunner() { *alive_ = false; }
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  void Run(const core::Command& command);
  // The agent ends: every command that is under way is answered with that.
  void EndAll(const std::string& reason);

  StackNamer& namer() { return namer_; }

  struct Statistics {
    int64_t done = 0;
    int64_t refused = 0;
    int64_t failed = 0;
    int64_t gone = 0;
    // Looks for what stays, of a type or of malloc: those that found it, that
    // found nothing that rests, and that could not be taken.
    int64_t births_followed = 0;
    int64_t births_none = 0;
    int64_t births_refused = 0;
  };
  const Statistics& statistics() const { return statistics_; }

 private:
  struct Window;  // one look under way: command_window.h
  void Refuse(const core::Command& command, std::string reason);
  void End(uint64_t command_id, core::CommandOutcome outcome,
           std::string reason);
  void EndWith(uint64_t command_id, const absl::Status& status);
  void RunCensus(const core::Command& command);
  void RunWindow(const core::Command& command);
  void RunBirths(const core::Command& command);
  void OpenWindow(const std::shared_ptr<Window>& window);
  void HandleBefore(const std::shared_ptr<Window>& window,
                    absl::StatusOr<core::HeapCensus> census);
  void HandleCounts(const std::shared_ptr<Window>& window,
                    absl::StatusOr<core::RawProfile> raw);
  void HandleAfter(const std::shared_ptr<Window>& window,
                   absl::StatusOr<core::HeapCensus> census);
  void Deliver(const std::shared_ptr<Window>& window,
               core::StackProfile profile);
  // Behind a window, or in its place where it was refused: which code makes
  // what stays of the type that grows or, where that is more, of malloc.
  void FollowBirths(const std::shared_ptr<Window>& window);
  void HandleBirths(const std::shared_ptr<Window>& window,
                    core::RawProfile raw);
  void RememberRefusal(const std::shared_ptr<Window>& window,
                       const std::string& type, const absl::Status& why);
  void EndBirths(const std::shared_ptr<Window>& window);
  static std::string WhyInstead(const Window& window);
  // `profiles`, and what was refused on the way to them.
  void SendEvidence(const std::shared_ptr<Window>& window,
                    std::vector<core::StackProfile> profiles);

  ProcessTable* const table_;
  CensusRunner* const census_;
  StackNamer namer_;
  core::ProbePort* const probes_;
  core::Clock* const clock_;
  const std::string boot_id_;
  const CommandEvents events_;
  std::set<uint64_t> running_;
  std::deque<core::CommandResult> ended_;  // to answer the same way again
  Statistics statistics_;
  bool over_ = false;  // no evidence any more
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_COMMAND_RUNNER_H_
