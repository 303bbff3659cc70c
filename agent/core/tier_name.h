// A tier as the command, its JSON and the metrics call it. Any thread.
#ifndef PLIMSOLL_AGENT_CORE_TIER_NAME_H_
#define PLIMSOLL_AGENT_CORE_TIER_NAME_H_

#include <string>

#include "agent/core/process.h"

namespace plimsoll::core {

// "memory", "gc", "headers", "census", "stacks", "native", "holders",
// "requests".
std::string TierName(Tier tier);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_TIER_NAME_H_
