// GrowthAccumulator adds up the page-fault counts of one process over a while,
// so that its stacks are named and sent once a minute and not at every look.
// Pure; one thread.
#ifndef PLIMSOLL_AGENT_GROWTH_ACCUMULATOR_H_
#define PLIMSOLL_AGENT_GROWTH_ACCUMULATOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "agent/core/probe_port.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::agent {

class GrowthAccumulator {
 public:
  static constexpr size_t kMaxStacks = 100;  // the heaviest are sent

  void Add(const std::vector<core::RawStack>& stacks,
           const std::vector<core::StackCount>& counts, int64_t now_ns);
  // What came in since the last profile, when `period_ns` have passed.
  std::optional<core::RawProfile> TakeIfDue(int64_t now_ns, int64_t period_ns);

 private:
  using Key = std::pair<bool, std::vector<std::pair<uint64_t, uint64_t>>>;
  struct Row {
    int64_t allocations = 0;
    int64_t bytes = 0;
  };
  std::map<Key, Row> rows_;
  int64_t begin_ns_ = 0;
  int64_t dropped_ = 0;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_GROWTH_ACCUMULATOR_H_
