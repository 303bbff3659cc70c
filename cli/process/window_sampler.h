// Short windows on the typed allocators of one process, spread over a while so
// that on average they cost it no more than 2 % of a core. Main thread only;
// probes are attached only inside of Sample().
#ifndef PLIMSOLL_CLI_PROCESS_WINDOW_SAMPLER_H_
#define PLIMSOLL_CLI_PROCESS_WINDOW_SAMPLER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/alloc_window.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/overhead_governor.h"
#include "agent/core/stack_profile.h"
#include "cli/process/stack_names.h"
#include "cli/process/target.h"
#include "cli/process/window_pace.h"
#include "cli/session/session.h"

namespace plimsoll::cli {

class WindowSampler {
 public:
  // Measures what a hit costs here. kFailedPrecondition: no uprobes on this
  // kernel, with the reason. The target must outlive the sampler.
  static absl::StatusOr<WindowSampler> Make(Target& target,
                                            const bpf::KernelSupport& kernel,
                                            int64_t total_ns);

  // One window. kResourceExhausted: it would cost too much, now or at all;
  // kUnimplemented: the build has no such probes; kNotFound: the process ended.
  // `net` takes PyObject_Malloc and PyObject_Free too, between two censuses.
  absl::StatusOr<core::StackProfile> Sample(Session& session, bool net);

  // When the next window is affordable and due.
  int64_t NextAtNs() { return pace_.NextAtNs(); }
  int64_t window_ns() const { return pace_.window_ns(); }
  double cost_ns() const { return pace_.cost_ns(); }
  const std::string& rung() const { return rung_; }

 private:
  WindowSampler(Target& target, bpf::AllocProbe probe, core::HitCosts costs,
                int64_t total_ns);
  absl::StatusOr<core::StackProfile> Name(const bpf::WindowCounts& counts);

  Target* target_;
  bpf::AllocProbe probe_;
  core::HitCosts costs_;
  WindowPace pace_;
  std::string rung_;
  FrameNames names_;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_WINDOW_SAMPLER_H_
