// BpfProbes puts agent/bpf behind core::ProbePort and keeps the overhead
// governor between them: what a probe has cost is taken from the process'
// bucket at every Collect, and a probe whose bucket is empty is detached until
// it can be afforded again. Loop thread only; owned by main.
// Windows are opened and closed by a WindowWorker; their answers come by
// `post`.
#ifndef PLIMSOLL_AGENT_BPF_PROBES_H_
#define PLIMSOLL_AGENT_BPF_PROBES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/birth_watcher.h"
#include "agent/bpf/alloc_window.h"
#include "agent/bpf/gc_probe.h"
#include "agent/bpf/growth_probe.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/clock.h"
#include "agent/core/native_inspector.h"
#include "agent/core/overhead_governor.h"
#include "agent/core/probe_port.h"
#include "agent/fresh_faults.h"
#include "agent/growth_accumulator.h"
#include "agent/native_growth_watcher.h"
#include "agent/procfs/proc_root.h"
#include "agent/window_worker.h"

namespace plimsoll::agent {

class BpfProbes final : public core::ProbePort {
 public:
  // Never fails: what the kernel does not offer is a refusal in words.
  // `costs` are calibrated; an error where that failed, and then no uprobe is
  // attached, because its cost could not be judged.
  BpfProbes(const bpf::KernelSupport& kernel,
            const absl::StatusOr<core::HitCosts>& costs, procfs::ProcRoot proc,
            core::Clock* clock, WindowWorker::Post post,
            core::GovernorOptions options = {});
  ~BpfProbes() override { *alive_ = false; }

  std::string rung() const override;
  std::string refusal() const override { return window_refusal_; }
  std::map<std::string, std::string> rung_refusals() const override {
    return rung_refusals_;
  }
  std::string watch_refusal() const override {
    return births_ == nullptr ? birth_refusal_ : tripped_;
  }
  absl::StatusOr<std::string> AttachGc(
      const core::ProcessId& id, const core::PythonProcess& python) override;
  absl::StatusOr<std::string> AttachGrowth(
      const core::ProcessId& id, const core::PythonProcess& python) override;
  absl::StatusOr<std::string> AttachNativeGrowth(
      const core::ProcessId& id) override;
  void Detach(const core::ProcessId& id) override;
  core::Tier1Sample Collect(const core::ProcessId& id) override;
  void OpenWindow(const core::ProcessId& id, const core::PythonProcess& python,
                  const core::WindowRequest& request, WindowDone done) override;
  void WatchBirths(const core::ProcessId& id, const core::PythonProcess& python,
                   const core::BirthRequest& request, WindowDone done) override;
  // From here on growth can be told from other page faults, and births be
  // watched where the machine has watchpoints.
  void LookWith(const bpf::KernelSupport& kernel, core::Inspector* inspector,
                core::NativeInspector* native, core::Timers* timers);
  core::ProbeUsage usage() const override;
  // A process was ended by a signal. SIGTRAP is what a CPU sends for an
  // instruction of ours in its text or a debug register of ours that nobody
  // claims; nothing in Python raises it. If it ends a process that has been
  // probed, no uprobe and no watchpoint is set on this node any more until the
  // agent starts anew, and all refusals say so. Call before Detach of it.
  void HandleKilled(int32_t pid, int signal);

 private:
  // A tier 1 probe of one process; detached while it costs too much.
  struct Attached {
    bool ever = false;
    bool wanted = false;
    bool attached = false;
    std::string refusal;  // why it is not attached
    int64_t retry_ns = 0;
    std::map<std::string, int64_t> drops;  // as last taken: they accumulate
  };
  struct Target {
    core::PythonProcess python;
    Attached gc;
    Attached growth;
    bool looked_into = false;  // by a window or a watch, now or before
    uint64_t growth_period = 1;
    GrowthAccumulator grown;
  };
  absl::StatusOr<std::string> WatchGc(const core::ProcessId& id,
                                      Target& target);
  absl::Status WatchGrowth(const core::ProcessId& id, Target& target);
  void CollectGc(const core::ProcessId& id, Target& target,
                 core::Tier1Sample& sample);
  void CollectGrowth(const core::ProcessId& id, Target& target,
                     core::Tier1Sample& sample);
  // False: past the budget; the probe must go until Attached::retry_ns.
  bool Spend(const core::ProcessId& id, uint64_t hits, double cost_ns,
             Attached& probe, core::Tier1Sample& sample);
  void RememberLook(const core::ProcessId& id);
  absl::StatusOr<core::RawProfile> TakeWindow(const core::ProcessId& id,
                                              bpf::WindowCounts counts);

  core::HitCosts costs_;
  procfs::ProcRoot proc_;
  core::Clock* const clock_;
  core::OverheadGovernor governor_;
  std::optional<bpf::GcProbe> gc_;
  std::optional<bpf::GrowthProbe> growth_;
  std::optional<WindowWorker> windows_;
  std::string rung_;
  std::map<std::string, std::string> rung_refusals_;
  std::string gc_refusal_;
  std::string growth_refusal_;
  std::string window_refusal_;
  std::map<core::ProcessId, Target> targets_;
  std::string tripped_;  // by HandleKilled; "": by none yet
  core::ProbeUsage usage_;
  NativeGrowthWatcher native_growth_;
  std::unique_ptr<FreshFaults> fresh_;  // null: growth is not sampled
  std::unique_ptr<BirthWatcher> births_;
  std::string birth_refusal_ = "no inspector looks at births";
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_BPF_PROBES_H_
