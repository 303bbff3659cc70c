// Births of tiers 4 and 5: hardware watchpoints on a few words of one process,
// on all of its threads and those that start later, with the stack of the last
// write that was a birth: Python's and, of a chunk of malloc, a copy of the
// native one. The rules of what to watch and what a write means are
// core::BirthSession's; this is its WritePort.
//
// A slot for blocks of pools is one of ThreadWatchpoints, one for chunks takes
// three. x86 has four debug registers a thread: fewer slots are given where a
// debugger, or another watch, holds some. Nothing is written to the target.
// Beside its hits it pays for string instructions while a watchpoint stands
// (core/watch_slowdown.h), and for a look each 10 ms of CPU time, which says
// how much that is.
//
// One BirthProbe per agent; all calls on one thread. A BirthWatch may outlive
// the probe.
#ifndef PLIMSOLL_AGENT_BPF_BIRTH_WATCH_H_
#define PLIMSOLL_AGENT_BPF_BIRTH_WATCH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/kernel_support.h"
#include "agent/core/python_layout.h"
#include "agent/core/write_port.h"

namespace plimsoll::bpf {

// Of a thread's debug registers: two are left to debuggers, to a watch on what
// keeps the objects, and to another agent; one while malloc is watched.
constexpr int kBirthSlots = 2;
constexpr int kChunkWords = 3;

struct BirthWatchUse {
  uint64_t hits = 0;
  double program_ns_per_hit = 0;         // 0: not measured yet
  std::map<std::string, int64_t> drops;  // by drop-reason label
  int64_t threads = 0;                   // that were listed at the start
  int64_t open_ns = 0;                   // all slots on all threads
  int64_t moves = 0;
  int64_t move_ns = 0;
};

class BirthWatch final : public core::WritePort {
 public:
  ~BirthWatch() override;
  BirthWatch(const BirthWatch&) = delete;
  BirthWatch& operator=(const BirthWatch&) = delete;

  // kFailedPrecondition: not that many debug registers are free.
  absl::StatusOr<int> Slots(bool chunks) override;
  // kNotFound: no thread of the process is left; kResourceExhausted: too many
  // chunks under watch.
  absl::Status Arm(int index, const core::WriteWatch& watch) override;
  void Disarm(int index) override;
  core::WriteReading Read(int index) override;
  // Of chunks never: a death that goes by would be missed.
  absl::StatusOr<bool> Blink(int index, int64_t ns) override;
  int64_t CpuNs() override;
  core::CpuSamples Samples() override;
  double NsPerHit() override;
  absl::StatusOr<core::WriterStack> ReadStack(int index) override;
  BirthWatchUse Use() const;

 private:
  friend class BirthProbe;
  struct State;
  explicit BirthWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class BirthProbe {
 public:
  // kFailedPrecondition with the reason where there are no watchpoints. Watches
  // a word of its own for some milliseconds to learn what a hit costs here.
  static absl::StatusOr<BirthProbe> Create(const KernelSupport& kernel);
  BirthProbe(BirthProbe&&) noexcept;
  BirthProbe& operator=(BirthProbe&&) noexcept;
  ~BirthProbe();

  // kFailedPrecondition: no debug register is free (a debugger?);
  // kResourceExhausted: too many threads, descriptors or watched processes;
  // kAlreadyExists: it is being watched; kNotFound: it is gone.
  absl::StatusOr<std::unique_ptr<BirthWatch>> Watch(
      const core::PythonProcess& python);

  // Of the trap alone.
  double trap_ns() const;
  // What a hit is taken to cost, until a watch has measured its own.
  double ns_per_hit() const;

 private:
  struct Loaded;
  friend struct BirthWatch::State;
  explicit BirthProbe(std::shared_ptr<Loaded> loaded);
  std::shared_ptr<Loaded> loaded_;  // shared with the watches
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_BIRTH_WATCH_H_
