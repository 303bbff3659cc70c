// Tier 5: page faults of a process with what unwinding needs: address, user
// registers, a copy of the user stack (16 KiB at most), and the Python stack of
// a thread that holds the GIL. A software event on each thread, as in
// growth_probe.h; nothing is placed in the process, and processes that are not
// watched pay nothing.
//
// A sample costs its thread a copy of its stack (program_ns_per_hit), so that
// the caller chooses a period by how fast the process grows. Which faults are
// growth is not told here (agent/core/fresh_pages.h).
//
// One NativeProbe per agent, made when it is first needed (its ring holds
// 4 MiB); all calls on one thread.
#ifndef PLIMSOLL_AGENT_BPF_NATIVE_PROBE_H_
#define PLIMSOLL_AGENT_BPF_NATIVE_PROBE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/native_stack.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::bpf {

struct NativeOptions {
  uint64_t sample_period = 1;  // one sample per so many faults of a thread
  // Samples between two Takes; the ring holds about 250 of all processes.
  uint64_t max_samples_per_take = 200;
};

struct NativeTaken {
  std::vector<core::RawStack> stacks;  // Python's; [0] is empty
  std::vector<core::NativeSnapshot> samples;
  uint64_t sample_period = 1;
  uint64_t hits = 0;              // taken or turned away, since the last Take
  double program_ns_per_hit = 0;  // 0: not measured yet
  std::map<std::string, int64_t> drops;  // since Watch
};

class NativeProbe {
 public:
  static absl::StatusOr<NativeProbe> Create(const KernelSupport& kernel);
  NativeProbe(NativeProbe&&) noexcept;
  NativeProbe& operator=(NativeProbe&&) noexcept;
  ~NativeProbe();

  // kNotFound: the process is gone; kAlreadyExists; kResourceExhausted.
  absl::Status Watch(const core::PythonProcess& python,
                     const NativeOptions& options);
  absl::StatusOr<NativeTaken> Take(int32_t pid);
  void Unwatch(int32_t pid);
  // As of GrowthProbe.
  double fault_ns() const;
  // Kernel records of a wrong size, or of a process no longer watched.
  uint64_t bad_records() const;

 private:
  struct State;
  explicit NativeProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_NATIVE_PROBE_H_
