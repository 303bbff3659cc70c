// Tier 5 windows: for a while, count what passes the C library's allocator of
// one process, per (Python stack, native caller), in kernel maps, each free
// with the allocation that it ends.
//
//   OpenWindow: attach -> pilot -> as alloc_window.h
//   Poll() at least every 50 ms while it lasts: takes copies of callers' stacks
//   Close(check): while the probes are attached, lists the blocks that rest,
//   has `check` look at their chunks, and lists them again; detaches; counts
//
// An allocation is a breakpoint at the function and a trap at its return, a
// free one breakpoint, whatever the program then does. So windows are short;
// sampling (sample_every) saves a part of the rest.
//
// One MallocProbe per process of ours, one window at a time. All calls on one
// thread. Nothing of a target's memory is read here.
#ifndef PLIMSOLL_AGENT_BPF_MALLOC_WINDOW_H_
#define PLIMSOLL_AGENT_BPF_MALLOC_WINDOW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/bpf/window_progress.h"
#include "agent/core/malloc_rows.h"
#include "agent/core/malloc_sites.h"
#include "agent/core/overhead_governor.h"
#include "agent/core/ports.h"
#include "agent/core/python_layout.h"

namespace plimsoll::bpf {

struct MallocWindowOptions {
  uint64_t hit_budget = UINT64_MAX;
  core::HitCosts costs = {};  // calibrated; zero: cost is not judged
  double return_ns = 0;       // CalibrateReturnCost
  int64_t pilot_ns = 75'000'000;
  double max_core_share = 0.2;
  // A block younger than this at the last look is not said to survive. 0: than
  // half of the window.
  int64_t rest_ns = 0;
  // One in so many allocations is followed to its free: what the program costs
  // beside the traps is then paid for these alone.
  uint32_t sample_every = 1;
  std::vector<core::Mapping> mappings = {};  // of the process
};

struct MallocWindowResult {
  core::MallocCounts counts;
  WindowProgress progress;
  double cost_ns_per_hit = 0;
  std::string rung;
  bool process_gone = false;
};

class MallocWindow {
 public:
  // Whether each block is still in use. Not OK: none is said to survive.
  using Check = absl::AnyInvocable<absl::StatusOr<std::vector<bool>>(
      const std::vector<core::BlockClaim>&)>;

  MallocWindow(MallocWindow&&) noexcept;
  MallocWindow& operator=(MallocWindow&&) noexcept;
  ~MallocWindow();

  void Poll();
  WindowProgress Progress() const;
  // Call once; afterwards the window is inert.
  MallocWindowResult Close(Check check);

 private:
  friend class MallocProbe;
  struct State;
  explicit MallocWindow(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class MallocProbe {
 public:
  // kFailedPrecondition with the reason: no uprobes, or none at returns.
  static absl::StatusOr<MallocProbe> Create(const KernelSupport& kernel);
  MallocProbe(MallocProbe&&) noexcept;
  MallocProbe& operator=(MallocProbe&&) noexcept;
  ~MallocProbe();

  // kAlreadyExists: a window is open. kResourceExhausted: the pilot was past
  // the bound. kNotFound: the process is gone.
  absl::StatusOr<MallocWindow> OpenWindow(const core::PythonProcess& python,
                                          const core::MallocSites& sites,
                                          MallocWindowOptions options);

 private:
  struct Loaded;
  friend struct MallocWindow::State;
  explicit MallocProbe(std::shared_ptr<Loaded> loaded);
  std::shared_ptr<Loaded> loaded_;
};

// What a hit of an allocation costs (its return included) and of a free: the
// mean of both, for a first budget.
double ExpectedHitNs(const core::MallocSites& sites,
                     const core::HitCosts& costs, double return_ns);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_MALLOC_WINDOW_H_
