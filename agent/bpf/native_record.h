// The kernel's record of a native hit as core's value. Pure; any thread.
#ifndef PLIMSOLL_AGENT_BPF_NATIVE_RECORD_H_
#define PLIMSOLL_AGENT_BPF_NATIVE_RECORD_H_

#include "agent/core/native_stack.h"
#include "plimsoll/bpf_native.h"

namespace plimsoll::bpf {

// python_stack is left 0.
core::NativeSnapshot SnapshotOf(const plimsoll_native_hit& record);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_NATIVE_RECORD_H_
