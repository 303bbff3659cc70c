// Tier 1 for a Python that is refused by name: its page faults with a copy of
// the native stack, under the same bound as the other probes of tier 1. It
// needs to know nothing of the interpreter. Loop thread only; owned by
// BpfProbes, whose governor and usage it shares.
#ifndef PLIMSOLL_AGENT_NATIVE_GROWTH_WATCHER_H_
#define PLIMSOLL_AGENT_NATIVE_GROWTH_WATCHER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "agent/bpf/kernel_support.h"
#include "agent/bpf/native_probe.h"
#include "agent/core/clock.h"
#include "agent/core/native_growth.h"
#include "agent/core/overhead_governor.h"
#include "agent/core/probe_port.h"
#include "agent/procfs/proc_root.h"

namespace plimsoll::agent {

class NativeGrowthWatcher {
 public:
  // The pointers must outlive it. The kernel object is loaded with the first
  // process that needs it.
  NativeGrowthWatcher(bpf::KernelSupport kernel, procfs::ProcRoot proc,
                      core::Clock* clock, core::OverheadGovernor* governor,
                      core::ProbeUsage* usage)
      : kernel_(std::move(kernel)),
        proc_(std::move(proc)),
        clock_(clock),
        governor_(governor),
        usage_(usage) {}

  absl::Status Watch(const core::ProcessId& id);
  void Unwatch(const core::ProcessId& id);
  bool watches(const core::ProcessId& id) const {
    return targets_.contains(id);
  }
  // Those that are detached now since their budget is spent.
  int64_t revoked() const;
  core::Tier1Sample Collect(const core::ProcessId& id);

 private:
  struct Target {
    uint64_t period = 1;  // a sample for so many faults
    bool attached = false;
    std::string refusal;  // why it is not attached
    int64_t retry_ns = 0;
    std::map<std::string, int64_t> drops;  // as last taken: they accumulate
    core::NativeGrowth grown;
  };
  absl::Status Attach(const core::ProcessId& id, Target& target);
  static void Pause(Target& target, std::string refusal, int64_t until_ns);
  static void AddLosses(const bpf::NativeTaken& taken, Target& target,
                        core::Tier1Sample& sample);
  void Spend(const core::ProcessId& id, const bpf::NativeTaken& taken,
             Target& target, core::Tier1Sample& sample);
  void Look(const core::ProcessId& id, Target& target,
            core::Tier1Sample& sample);

  const bpf::KernelSupport kernel_;
  const procfs::ProcRoot proc_;
  core::Clock* const clock_;
  core::OverheadGovernor* const governor_;
  core::ProbeUsage* const usage_;
  std::optional<bpf::NativeProbe> probe_;
  std::map<core::ProcessId, Target> targets_;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_NATIVE_GROWTH_WATCHER_H_
