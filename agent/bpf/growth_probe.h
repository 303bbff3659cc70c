// Tier 1: where a process takes fresh memory. Its page faults are sampled with
// address and stack by a software event on each of its threads (new threads
// inherit it; processes that are not watched pay nothing). No probe is placed.
//
// What a sample is not: a page fault need not be growth (copy-on-write, swap,
// file pages, a page given back and taken again), so that the caller says which
// ones count; and growth into holes of the heap faults nothing.
// The stack is that of the code that touched the page first, which need not be
// the code whose objects stay.
//
// One GrowthProbe per agent; all calls on one thread.
#ifndef PLIMSOLL_AGENT_BPF_GROWTH_PROBE_H_
#define PLIMSOLL_AGENT_BPF_GROWTH_PROBE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::bpf {

struct GrowthOptions {
  uint64_t sample_period = 1;  // one sample per so many faults of a thread
  // Samples allowed between two Takes; the rest is counted as probe_budget.
  uint64_t max_samples_per_take = 20'000;
};

struct GrowthSample {
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  uint64_t address = 0;  // that faulted
  uint64_t native_instruction = 0;
  uint32_t stack_index = 0;  // into GrowthTaken::stacks; 0: no Python stack
  int32_t tid = 0;
};

struct GrowthTaken {
  std::vector<core::RawStack> stacks;  // [0] is empty
  std::vector<GrowthSample> samples;   // since the Take before, by time
  uint64_t sample_period = 1;
  uint64_t hits = 0;  // samples taken or turned away, for the governor
  double program_ns_per_hit = 0;         // 0: not measured yet
  std::map<std::string, int64_t> drops;  // since Watch
};

// Rows of a ProfileKind::kPage profile: for each stack the faults that are
// growth (core/fault_judge.h; asked in order of time), as allocations of one
// page each, weighted by the sample period.
std::vector<core::StackCount> CountGrowth(
    const GrowthTaken& taken,
    const std::function<bool(const GrowthSample&)>& is_growth);

class GrowthProbe {
 public:
  static absl::StatusOr<GrowthProbe> Create(const KernelSupport& kernel);
  GrowthProbe(GrowthProbe&&) noexcept;
  GrowthProbe& operator=(GrowthProbe&&) noexcept;
  ~GrowthProbe();

  absl::Status Watch(const core::PythonProcess& python,
                     const GrowthOptions& options);
  absl::StatusOr<GrowthTaken> Take(int32_t pid);
  void Unwatch(int32_t pid);
  // What a sample costs its thread before the program looks at it, measured by
  // Create (fault_cost.h); 0: that failed.
  double fault_ns() const;
  // Kernel records of a wrong size, or of a process no longer watched.
  uint64_t bad_records() const;

 private:
  struct State;
  explicit GrowthProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_GROWTH_PROBE_H_
