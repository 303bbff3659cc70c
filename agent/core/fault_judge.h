// Which page faults of a process are its growth: those in private anonymous
// memory that take a page which was not there. Copies on write after a fork and
// pages that were given back are none. Lists of the pages that are there are
// read while faults go on: each fault is judged by the newest list from before
// it.
//
// Times are of the faults' clock (CLOCK_MONOTONIC). Pure; one owner, one
// thread.
#ifndef PLIMSOLL_AGENT_CORE_FAULT_JUDGE_H_
#define PLIMSOLL_AGENT_CORE_FAULT_JUDGE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/core/fresh_pages.h"
#include "agent/core/ports.h"

namespace plimsoll::core {

// Of `mappings` (by address), the one at `address` holds what a process grows
// by: private, writable, of no file, and no stack.
bool IsGrowable(const std::vector<Mapping>& mappings, uint64_t address);

class FaultJudge {
 public:
  // A list that was asked for and had come by these times. What faults in
  // between is judged by the list before.
  void Learn(std::vector<PageRange> resident, uint64_t asked_ns,
             uint64_t came_ns);
  // In order of time. Nothing: no list is from before the fault.
  std::optional<bool> IsFresh(uint64_t address, uint64_t time_ns);

 private:
  struct List {
    std::vector<PageRange> resident;
    uint64_t asked_ns = 0;
    uint64_t came_ns = 0;
  };
  FreshPages pages_;
  bool known_ = false;
  std::optional<List> next_;
  std::vector<uint64_t> meanwhile_;  // faulted since it was asked for
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_FAULT_JUDGE_H_
