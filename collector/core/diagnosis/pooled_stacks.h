// Rows of several profiles that say the same: samples that were followed to
// what stays are few in one profile (a watchpoint at a time), and those of all
// processes and times of an incident are of one leak. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_POOLED_STACKS_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_POOLED_STACKS_H_

#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

// Followed rows ("birth", "native") of the same type and frames become one: its
// samples, objects and bytes are their sums, its time the newest; shares and
// their intervals are of all rows of its kind and type. Other rows are as they
// were, and in their order; a pooled one is where its first was.
std::vector<StackEvidence> PoolFollowed(std::vector<StackEvidence> rows);

// Whether the first line is surely the one that makes most of it: no more
// evidence is needed to say so. True where nothing was sampled.
bool IsFirstLineSure(const std::vector<StackEvidence>& rows);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_POOLED_STACKS_H_
