// BirthWatcher runs core::BirthRun for processes of this node, each over its
// own watchpoints, within what the governor grants. Loop thread only; owned by
// BpfProbes, whose governor it shares; everything given must outlive it.
#ifndef PLIMSOLL_AGENT_BIRTH_WATCHER_H_
#define PLIMSOLL_AGENT_BIRTH_WATCHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/bpf/birth_watch.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/birth_run.h"
#include "agent/core/clock.h"
#include "agent/core/overhead_governor.h"
#include "agent/core/ports.h"
#include "agent/core/probe_port.h"

namespace plimsoll::agent {

class BirthWatcher {
 public:
  // kFailedPrecondition: no watchpoints on this machine, with the reason.
  static absl::StatusOr<std::unique_ptr<BirthWatcher>> Create(
      const bpf::KernelSupport& kernel, core::Inspector* inspector,
      core::Clock* clock, core::Timers* timers,
      core::OverheadGovernor* governor, core::ProbeUsage* usage);
  ~BirthWatcher() { *alive_ = false; }
  BirthWatcher(const BirthWatcher&) = delete;
  BirthWatcher& operator=(const BirthWatcher&) = delete;

  void Watch(const core::ProcessId& id, const core::PythonProcess& python,
             const core::BirthRequest& request,
             core::ProbePort::WindowDone done);
  // What a write to a watched word costs its thread here.
  double trap_ns() const { return probe_.trap_ns(); }
  // Ends all that run, within a tick, with kAborted and this reason.
  void Stop(std::string reason) { stopped_ = std::move(reason); }

 private:
  struct Running;
  BirthWatcher(bpf::BirthProbe probe, core::Inspector* inspector,
               core::Clock* clock, core::Timers* timers,
               core::OverheadGovernor* governor, core::ProbeUsage* usage);
  void Tick(const std::shared_ptr<Running>& running);
  void End(const std::shared_ptr<Running>& running);

  bpf::BirthProbe probe_;
  core::Inspector* const inspector_;
  core::Clock* const clock_;
  core::Timers* const timers_;
  core::OverheadGovernor* const governor_;
  core::ProbeUsage* const usage_;
  std::string stopped_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_BIRTH_WATCHER_H_
