// Tier 4 windows: for a while, count every allocation and free that passes a
// process' probes, per (probe, type, size class, Python stack), in kernel maps.
//
//   OpenWindow: attach -> pilot (75 ms) -> predicted cost past the bound?
//     yes: detached, kResourceExhausted with the figures
//     no:  AllocWindow, counting since the attach
//   Progress() while it lasts; past its hit budget BPF returns at once and the
//   owner is to close it. Close(), or destruction, detaches.
//
// One AllocProbe per agent, one loaded object, up to 64 windows at once, one
// per process. All calls on one thread. OpenWindow blocks for the pilot and the
// attach (about 100 ms with uprobe_multi, more with the other rungs).
//
// What the counts are not: allocations that the build inlined past the probe.
// core::BalanceWindow says so by comparing with the census.
#ifndef PLIMSOLL_AGENT_BPF_ALLOC_WINDOW_H_
#define PLIMSOLL_AGENT_BPF_ALLOC_WINDOW_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/bpf/uprobe_link.h"
#include "agent/bpf/window_progress.h"
#include "agent/core/overhead_governor.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::bpf {

struct AllocProbeOptions {
  uint32_t max_count_rows = 16384;
  uint32_t max_stacks = 4096;
};

struct AllocWindowOptions {
  // Empty: every allocation probe that the build offers.
  std::vector<core::ProbeKind> kinds = {};
  uint64_t hit_budget = UINT64_MAX;
  // Addresses of types that a freed block may hold, such as the census' types.
  // The typed allocators add those that they see.
  std::vector<uint64_t> known_types = {};
  core::HitCosts costs = {};  // calibrated; zero: cost is not judged
  // 0: no pilot. A caller that must not block sets 0, looks at Progress() after
  // a while and asks core::JudgePilot itself.
  int64_t pilot_ns = 75'000'000;
  double max_core_share = 0.2;  // past it the pilot refuses
};

// The result of a window. counts[i].stack_index points into stacks; stacks[0]
// is empty: hits without a Python stack.
struct WindowCounts {
  std::vector<core::RawStack> stacks;
  std::vector<core::StackCount> counts;
  std::map<std::string, int64_t> drops;  // by drop-reason label
  WindowProgress progress;
  double cost_ns_per_hit = 0;  // mean of the mix
  std::string rung;            // "uprobe_multi", "tracefs", "perf"
  bool process_gone = false;
};

class AllocWindow {
 public:
  AllocWindow(AllocWindow&&) noexcept;
  AllocWindow& operator=(AllocWindow&&) noexcept;
  ~AllocWindow();

  int32_t pid() const;
  WindowProgress Progress() const;
  // Detaches and takes the counts. Call once; afterwards the window is inert.
  WindowCounts Close();

 private:
  friend class AllocProbe;
  struct State;
  explicit AllocWindow(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class AllocProbe {
 public:
  // kFailedPrecondition with the reason where the kernel has no uprobes.
  static absl::StatusOr<AllocProbe> Create(const KernelSupport& kernel,
                                           AllocProbeOptions options = {});
  AllocProbe(AllocProbe&&) noexcept;
  AllocProbe& operator=(AllocProbe&&) noexcept;
  ~AllocProbe();

  // kUnimplemented: the build offers no probe, with its reason.
  // kResourceExhausted: the pilot was past the bound, or 64 windows are open.
  // kAlreadyExists: this process has a window. kNotFound: the process is gone.
  absl::StatusOr<AllocWindow> OpenWindow(const core::PythonProcess& python,
                                         const AllocWindowOptions& options);
  UprobeRung rung() const;

 private:
  struct Loaded;
  friend struct AllocWindow::State;
  explicit AllocProbe(std::shared_ptr<Loaded> loaded);
  std::shared_ptr<Loaded> loaded_;  // shared with the windows
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_ALLOC_WINDOW_H_
