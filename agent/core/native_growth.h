// Growth of a process of which no Python stack can be read: page faults with a
// copy of the native stack, kept until there are as many as one unwinding
// takes, or a while has passed. Pure; one owner, one thread.
#ifndef PLIMSOLL_AGENT_CORE_NATIVE_GROWTH_H_
#define PLIMSOLL_AGENT_CORE_NATIVE_GROWTH_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/core/native_stack.h"
#include "agent/core/ports.h"
#include "agent/core/probe_port.h"
#include "agent/core/python_layout.h"

namespace plimsoll::core {

// What is known of a process whose Python is refused by name: that it is there.
// Enough to sample its page faults and to unwind native stacks.
PythonProcess RefusedProcess(int32_t pid, uint64_t start_ticks);

class NativeGrowth {
 public:
  // Samples of growth that stand for `faults_each` faults of a page each.
  void Add(std::vector<NativeSnapshot> samples, double faults_each,
           int64_t now_ns);
  // A profile of kind kPage with a snapshot beside each (empty) Python stack.
  std::optional<RawProfile> TakeIfDue(int64_t now_ns, int64_t period_ns);

 private:
  std::vector<NativeSnapshot> snapshots_;
  std::vector<StackCount> counts_;
  int64_t begin_ns_ = 0;
  int64_t seen_ = 0;     // faults that the kept samples stand for
  int64_t dropped_ = 0;  // and those that found no room
};

// The next period of sampling after a stretch in which `hits` samples were
// taken or turned away where `most` were wanted.
uint64_t NextSamplePeriod(uint64_t period, uint64_t hits, uint64_t most);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_NATIVE_GROWTH_H_
