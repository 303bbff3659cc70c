// Short windows on the C library's allocator of one process, spread over a
// while so that on average they cost it no more than 2 % of a core. Main thread
// only; probes are attached only inside of Sample().
#ifndef PLIMSOLL_CLI_PROCESS_MALLOC_SAMPLER_H_
#define PLIMSOLL_CLI_PROCESS_MALLOC_SAMPLER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/bpf/malloc_window.h"
#include "agent/core/malloc_rows.h"
#include "agent/core/malloc_sites.h"
#include "cli/process/stack_names.h"
#include "cli/process/target.h"
#include "cli/process/window_pace.h"
#include "cli/session/session.h"

namespace plimsoll::cli {

// What all windows together saw. The first one is short, to learn the cost:
// where longer ones follow, its counts are left out.
struct MallocSeen {
  std::vector<core::MallocStack> stacks;
  int64_t windows = 0;
  int64_t window_ns = 0;
  int64_t windows_with_survivors_told = 0;
  std::string refusal;  // the last window's that told none
  // The least that a surviving block had rested, over the windows that told.
  int64_t rest_ns = 0;
  int64_t older_frees = 0;
  int64_t not_kept = 0;
  int64_t rows_not_named = 0;
  uint64_t hits = 0;  // of the first window, too
  std::map<std::string, int64_t> drops;
  std::string rung;
  int64_t sample_every = 1;  // the most of all windows
};

class MallocSampler {
 public:
  // Measures what a hit costs here. kFailedPrecondition: no such probes on this
  // kernel; kUnimplemented: this malloc cannot be probed; with the reason. The
  // target must outlive the sampler.
  static absl::StatusOr<MallocSampler> Make(Target& target,
                                            const bpf::KernelSupport& kernel,
                                            int64_t total_ns);

  // One window, or none where it would have cost too much to follow every
  // allocation: from then on one in some is. kResourceExhausted: it would cost
  // too much, now or at all; kNotFound: the process ended, or runs another
  // program now.
  absl::Status Sample(Session& session);

  int64_t NextAtNs() { return pace_.NextAtNs(); }
  double cost_ns() const { return pace_.cost_ns(); }
  const core::MallocSites& sites() const { return sites_; }
  const MallocSeen& seen() const { return seen_; }

 private:
  MallocSampler(Target& target, bpf::MallocProbe probe, core::MallocSites sites,
                core::HitCosts costs, double return_ns, int64_t total_ns);
  absl::Status SampleOnce(Session& session);
  absl::Status Add(bpf::MallocWindowResult result);

  Target* target_;
  bpf::MallocProbe probe_;
  core::MallocSites sites_;
  core::HitCosts costs_;
  double return_ns_;
  WindowPace pace_;
  MallocSeen seen_;
  bool first_left_out_ = false;
  uint32_t sample_every_ = 1;
  FrameNames names_;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_MALLOC_SAMPLER_H_
