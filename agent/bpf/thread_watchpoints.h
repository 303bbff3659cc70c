// One hardware watchpoint (8 bytes, writes) on every thread of a process, moved
// from word to word and not reopened: a perf event per thread that runs a BPF
// program at each write. Threads inherit it, processes that the target forks do
// not. The kernel takes the events away with their owner, also when it crashes.
//
// A thread that is started while Open() lists them by one that was not listed
// yet, about a millisecond, may be without it.
//
// Move-only; one owner, one thread.
#ifndef PLIMSOLL_AGENT_BPF_THREAD_WATCHPOINTS_H_
#define PLIMSOLL_AGENT_BPF_THREAD_WATCHPOINTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::bpf {

class ThreadWatchpoints {
 public:
  static constexpr size_t kMostThreads = 512;

  // Disabled until Move. kNotFound: the process is gone; kFailedPrecondition:
  // no debug register is free, or the machine has none; kResourceExhausted: too
  // many threads.
  static absl::StatusOr<ThreadWatchpoints> Open(int32_t pid, int program_fd);

  // `address` is a multiple of 8. kNotFound: no thread is left.
  absl::Status Move(uint64_t address);
  void Disable();
  // Lets one thread, and those that it has started since Open, go on unwatched
  // for so long, which is waited for: some microseconds more. False: it has no
  // watchpoint of its own, and nothing was done. An error: it may be unwatched
  // from here on.
  absl::StatusOr<bool> Blink(int32_t tid, int64_t ns) const;
  // Writes since Open, on threads that have ended too, by the kernel's own
  // count: also those at which it skipped the program, as it does on a
  // processor that another program was interrupted on. kDataLoss: an event
  // cannot be read.
  absl::StatusOr<uint64_t> Writes() const;
  size_t threads() const { return events_.size(); }

 private:
  ThreadWatchpoints() = default;
  struct OfThread {
    int32_t tid = 0;
    UniqueFd event;
  };
  std::vector<OfThread> events_;
};

// What a write that traps costs a thread here, for a program that returns at
// once: on a word of our own, in a millisecond or so. The median of batches, so
// that a batch that was interrupted does not count.
absl::StatusOr<double> MeasureTrapNs(int program_fd);

// CPU time that a process has taken, all its threads, also those that ended.
// Negative: there is no such process.
int64_t ProcessCpuNs(int32_t pid);

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_THREAD_WATCHPOINTS_H_
