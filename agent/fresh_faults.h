// FreshFaults tells growth from other page faults for the processes whose
// faults are sampled: it has the inspector list the pages that each has in
// memory, when watching begins and after each look that saw faults, as seldom
// as a hundredth of the inspector's time allows, and judges faults by these.
// Loop thread only; owned by BpfProbes.
#ifndef PLIMSOLL_AGENT_FRESH_FAULTS_H_
#define PLIMSOLL_AGENT_FRESH_FAULTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/fault_judge.h"
#include "agent/core/native_inspector.h"
#include "agent/core/process.h"
#include "agent/core/python_layout.h"

namespace plimsoll::agent {

class FreshFaults {
 public:
  // `inspector` must outlive it.
  explicit FreshFaults(core::NativeInspector* inspector)
      : inspector_(inspector) {}
  ~FreshFaults() { *alive_ = false; }
  FreshFaults(const FreshFaults&) = delete;
  FreshFaults& operator=(const FreshFaults&) = delete;

  // A list, unless one is under way or the last one is too recent.
  void ListPages(const core::ProcessId& id, const core::PythonProcess& python);
  // Faults of one process in order of time (CLOCK_MONOTONIC). False where it is
  // not known: see refusal.
  bool IsFresh(const core::ProcessId& id, uint64_t address, uint64_t time_ns);
  // Why the last list could not be had; "" when it could.
  std::string refusal(const core::ProcessId& id) const;
  void Forget(const core::ProcessId& id) { processes_.erase(id); }

 private:
  struct Known {
    core::FaultJudge judge;
    bool asked = false;
    uint64_t next_ns = 0;
    std::string refusal;
  };
  core::NativeInspector* const inspector_;
  std::map<core::ProcessId, Known> processes_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_FRESH_FAULTS_H_
