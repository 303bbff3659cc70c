// The agent's outside world, as seen from its core. Adapters implement these;
// tests give fakes. All calls are made on the agent's loop thread and all
// callbacks come back on it.
#ifndef PLIMSOLL_AGENT_CORE_PORTS_H_
#define PLIMSOLL_AGENT_CORE_PORTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "agent/core/heap_census.h"
#include "agent/core/python_layout.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

// Memory of a live process, a core file or a test buffer. Every byte read is
// untrusted, and may change between two reads.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  // Reads up to out.size() bytes at `address`; returns how many bytes, counted
  // from the start, were readable (0 when none). Never more than out.size().
  virtual size_t Read(uint64_t address, std::span<std::byte> out) const = 0;
  // Reads `bytes` at each address, side by side into `out`, which must hold
  // them all; returns how many addresses, from the first, could be read whole.
  // For many small reads a source may know a cheaper way than one by one.
  virtual size_t ReadEach(std::span<const uint64_t> addresses, size_t bytes,
                          std::span<std::byte> out) const {
    size_t done = 0;
    while (done < addresses.size() &&
           Read(addresses[done], out.subspan(done * bytes, bytes)) == bytes) {
      ++done;
    }
    return done;
  }
};

// One mapping of a process, as in /proc/PID/maps.
struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t file_offset = 0;
  uint64_t device = 0;  // makedev(major, minor)
  uint64_t inode = 0;   // 0: anonymous
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  std::string path;  // "", "[heap]", "[stack]", "/usr/bin/python3.11"
};

// Reads interpreters and heaps. The one implementation in the product
// (agent/inspector) does so in a child process under seccomp and a memory
// limit; when that child dies, the call fails with kInternal naming the target
// and the child is started anew.
//
// Failures: kNotFound the process is gone; kPermissionDenied; kUnimplemented
// not a Python that can be read, with the reason in words; kDeadlineExceeded;
// kInternal the parser crashed on this target; kResourceExhausted memory limit;
// kUnavailable its Python has not started yet or is ending: ask again later.
class Inspector {
 public:
  virtual ~Inspector() = default;

  using IdentifyDone = absl::AnyInvocable<void(absl::StatusOr<PythonProcess>)>;
  using CensusDone = absl::AnyInvocable<void(absl::StatusOr<HeapCensus>)>;
  using SymbolizeDone =
      absl::AnyInvocable<void(absl::StatusOr<std::vector<Frame>>)>;

  using BirthsDone = absl::AnyInvocable<void(absl::StatusOr<BirthFindings>)>;

  // kNotFound with "not Python" when the process maps no CPython.
  virtual void Identify(int32_t pid, IdentifyDone done) = 0;
  virtual void TakeCensus(const PythonProcess& python, CensusOptions options,
                          CensusDone done) = 0;
  // Names raw frames; the result has one Frame for each RawFrame, with
  // function "<unknown>" where the code object could not be read.
  virtual void Symbolize(const PythonProcess& python,
                         std::vector<RawFrame> frames, SymbolizeDone done) = 0;
  // What the birth watch asks of a heap.
  virtual void LookAtBirths(const PythonProcess& python, BirthLook look,
                            BirthsDone done) {
    (void)python, (void)look;
    done(absl::UnimplementedError("this inspector does not look at births"));
  }
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_PORTS_H_
