// Names the stacks of a profile: Python's frames by the target's code objects,
// native ones by unwinding, both in the inspector's child. Loop thread only;
// what is given must outlive it.
#ifndef PLIMSOLL_AGENT_STACK_NAMER_H_
#define PLIMSOLL_AGENT_STACK_NAMER_H_

#include <functional>
#include <memory>
#include <vector>

#include "agent/core/native_inspector.h"
#include "agent/core/ports.h"
#include "agent/core/probe_port.h"
#include "agent/process_table.h"

namespace plimsoll::agent {

class StackNamer {
 public:
  // `native` may be null: then native stacks are refused in the profile.
  StackNamer(ProcessTable* table, core::Inspector* inspector,
             core::NativeInspector* native)
      : table_(table), inspector_(inspector), native_(native) {}
  ~StackNamer() { *alive_ = false; }
  StackNamer(const StackNamer&) = delete;
  StackNamer& operator=(const StackNamer&) = delete;

  // `done` gets the profile, with "<unknown>" frames where the process is gone.
  void Name(const core::ProcessId& id, core::RawProfile raw,
            std::function<void(core::StackProfile)> done);

 private:
  void Unwind(const core::ProcessId& id,
              std::vector<core::NativeSnapshot> snapshots,
              core::StackProfile profile,
              std::function<void(core::StackProfile)> done);

  ProcessTable* const table_;
  core::Inspector* const inspector_;
  core::NativeInspector* const native_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_STACK_NAMER_H_
