// The 128-bit identity of a stack: FNV-1a (draft-eastlake-fnv, 128 bits) over
// the content of its frames, so that the same stack has the same id on every
// node, in every process and after every restart. Pure; any thread.
#ifndef PLIMSOLL_AGENT_EXPORT_STACK_ID_H_
#define PLIMSOLL_AGENT_EXPORT_STACK_ID_H_

#include <string>

#include "agent/core/stack_profile.h"

namespace plimsoll::exporter {

// 16 bytes, most significant first.
std::string StackId(const core::Stack& stack);

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_STACK_ID_H_
