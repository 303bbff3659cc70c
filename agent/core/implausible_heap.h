// Whether a heap is to be believed. Pure values.
#ifndef PLIMSOLL_AGENT_CORE_IMPLAUSIBLE_HEAP_H_
#define PLIMSOLL_AGENT_CORE_IMPLAUSIBLE_HEAP_H_

#include "agent/core/heap_census.h"

namespace plimsoll::core {

// More of its objects claim memory that cannot be theirs than those that
// changed while they were read: made up, or corrupt.
inline bool IsImplausible(const HeapCensus& census) {
  return census.implausible_claims > 100 + census.coverage.total / 1000;
}

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_IMPLAUSIBLE_HEAP_H_
