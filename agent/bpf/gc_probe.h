// Tier 1: collections and their pauses of each watched process, counted in
// kernel maps. USDT gc__start and gc__done where the build has them (with their
// semaphore), else entry and return of the collector's function.
//
// One GcProbe per agent; all calls on one thread. Always on while within
// budget: past a process' hit budget BPF returns at once (the trap stays until
// Unwatch), and Take says so.
#ifndef PLIMSOLL_AGENT_BPF_GC_PROBE_H_
#define PLIMSOLL_AGENT_BPF_GC_PROBE_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/python_layout.h"
#include "agent/core/snapshot.h"

namespace plimsoll::bpf {

struct GcTaken {
  // Since the Take before: by generation, youngest first; a fourth entry, when
  // there is one, holds collections whose generation the build does not tell.
  std::vector<core::GcPauses> pauses;
  // Traps since the Take before, for the governor; and how many of them were
  // at an instruction of each core::ProbeCost.
  uint64_t hits = 0;
  std::array<uint64_t, 2> hits_by_cost{};
  bool budget_spent = false;
  std::map<std::string, int64_t> drops;  // since Watch
};

// The dearer kind of the places where this build's collector is probed: what a
// budget in hits is to be counted with before the first hit.
core::ProbeCost GcProbeCost(const core::PythonBuild& build);

class GcProbe {
 public:
  static absl::StatusOr<GcProbe> Create(const KernelSupport& kernel);
  GcProbe(GcProbe&&) noexcept;
  GcProbe& operator=(GcProbe&&) noexcept;
  ~GcProbe();

  // "usdt" or "uprobe": how this process is watched from now on.
  // kUnimplemented: the build offers no place, with its reason;
  // kFailedPrecondition: return probes are refused on this kernel.
  absl::StatusOr<std::string> Watch(const core::PythonProcess& python,
                                    uint64_t hit_budget = UINT64_MAX);
  absl::StatusOr<GcTaken> Take(int32_t pid);
  void Unwatch(int32_t pid);

 private:
  struct State;
  explicit GcProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_GC_PROBE_H_
