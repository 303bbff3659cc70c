// Tries what the agent does, on itself and on a child of its own, and leaves
// nothing behind: BPF objects are loaded and let go, a function of ours is
// probed, a word of ours is watched. Takes about a second.
//
// Forks: call it before any thread is started.
#ifndef PLIMSOLL_AGENT_SELF_CHECK_TRIALS_H_
#define PLIMSOLL_AGENT_SELF_CHECK_TRIALS_H_

#include "agent/core/self_check.h"

namespace plimsoll::agent {

struct SelfCheckFacts {
  core::Surroundings surroundings;
  core::Trials trials;
};

SelfCheckFacts TryEverything();

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_SELF_CHECK_TRIALS_H_
