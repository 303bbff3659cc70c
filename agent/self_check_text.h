// What `plimsoll-agent --check` prints. Pure; any thread.
#ifndef PLIMSOLL_AGENT_SELF_CHECK_TEXT_H_
#define PLIMSOLL_AGENT_SELF_CHECK_TEXT_H_

#include <string>

#include "agent/core/self_check.h"

namespace plimsoll::agent {

// For people: a line for each tier, what to do about those that are lost, then
// the surroundings. 80 columns.
std::string RenderSelfCheck(const core::Surroundings& surroundings,
                            const core::SelfCheck& check);

// {"schema": "plimsoll.check/1", "kernel", "all_work", "tiers"[]{tier, works,
// what, how, reason, remedy}, "surroundings"{...}, "notes"[]} and a newline.
// What the kernel does not say is null.
std::string SelfCheckJson(const core::Surroundings& surroundings,
                          const core::SelfCheck& check);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_SELF_CHECK_TEXT_H_
