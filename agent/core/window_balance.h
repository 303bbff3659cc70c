// What the probes of a window counted, beside what the census saw change: the
// only proof that the probes saw all allocations of this workload. Pure.
#ifndef PLIMSOLL_AGENT_CORE_WINDOW_BALANCE_H_
#define PLIMSOLL_AGENT_CORE_WINDOW_BALANCE_H_

#include <cstdint>
#include <map>
#include <string>

#include "agent/core/heap_census.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

// Size classes where neither side moved by this many blocks prove nothing: the
// census and the window's edges are some milliseconds apart.
inline constexpr int64_t kBalanceMinBlocks = 64;
inline constexpr double kBalanceTolerance = 0.1;

// Whether a window on `build` can count both what is made and what is freed.
bool OffersFrees(const PythonBuild& build);

// Fills balance, coverage, net_counts_refused and refusal of `profile`.
// `frees_probed`: PyObject_Malloc and PyObject_Free were in the window; without
// them no net count exists, and that is said. `losses` are the window's, by
// drop-reason label: where an update was lost, or the window was cut at its
// budget, agreement with the census would be chance, and net counts are refused
// with that reason. Losses of a stack alone keep the counts.
void BalanceWindow(const HeapCensus& before, const HeapCensus& after,
                   bool frees_probed,
                   const std::map<std::string, int64_t>& losses,
                   StackProfile& profile);

// Names StackCount.type from the types of a census, by address.
void NameTypes(const HeapCensus& census, StackProfile& profile);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_WINDOW_BALANCE_H_
