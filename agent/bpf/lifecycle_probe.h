// Processes that start a program, end, or are chosen by the OOM killer, for the
// whole node, as they happen. Where the kernel offers no such events, Create
// fails with the reason and the agent scans /proc instead.
//
// One per agent; all calls on one thread, which may wait on fd().
#ifndef PLIMSOLL_AGENT_BPF_LIFECYCLE_PROBE_H_
#define PLIMSOLL_AGENT_BPF_LIFECYCLE_PROBE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"

namespace plimsoll::bpf {

struct LifecycleEvent {
  enum class Kind : uint8_t { kExec = 1, kExit = 2, kOomVictim = 3 };
  Kind kind = Kind::kExec;
  int32_t pid = 0;       // in the initial PID namespace
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  int signal = 0;        // of kExit: that ended it; 0: it ended by itself
};

class LifecycleProbe {
 public:
  static absl::StatusOr<LifecycleProbe> Create(const KernelSupport& kernel);
  LifecycleProbe(LifecycleProbe&&) noexcept;
  LifecycleProbe& operator=(LifecycleProbe&&) noexcept;
  ~LifecycleProbe();

  // Readable when there are events; owned by this.
  int fd() const;
  // What has come since; does not wait.
  std::vector<LifecycleEvent> Drain();
  // Events lost since Create: the ring was full (scan /proc once to catch up).
  uint64_t lost() const;
  // Kernel records of a wrong size or kind.
  uint64_t bad_records() const;
  // False: the kernel has no event for OOM victims.
  bool sees_oom_victims() const;

 private:
  struct State;
  explicit LifecycleProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_LIFECYCLE_PROBE_H_
