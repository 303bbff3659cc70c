// A few hardware watchpoints on all threads of one process, as the birth watch
// uses them; agent/bpf's BirthWatch is the one of the product.
//
// One owner, one thread.
#ifndef PLIMSOLL_AGENT_CORE_WRITE_PORT_H_
#define PLIMSOLL_AGENT_CORE_WRITE_PORT_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/native_stack.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

// A chunk of malloc: several of its words are watched (bpf/chunks.bpf.h), and
// what malloc's own code writes to them tells births and deaths.
struct ChunkWatch {
  uint64_t malloc_begin = 0;  // addresses of that code
  uint64_t malloc_end = 0;
  int64_t least_bytes = 0;  // of what is a birth
  int64_t most_bytes = 0;
  // What a free chunk of its arena is linked to at first; 0: not told by it.
  uint64_t unsorted = 0;
  // Of a free chunk that may be taken as a whole; 0: not known.
  int64_t chunk_bytes = 0;
  // Its size word, and that of the chunk behind it, as they were found. 0: as
  // they were when the chunk was last watched.
  uint64_t head = 0;
  uint64_t next_head = 0;
};

// What to watch, in absolute addresses of the target.
struct WriteWatch {
  uint64_t address = 0;  // of the 8 bytes watched, or of a chunk
  // Where ob_type stands: only writes that leave `type` there keep their
  // stack. 0: every write does.
  uint64_t type_address = 0;
  uint64_t type = 0;
  // A word that is 0 while the object is being born: a write at another time
  // does not replace a birth's stack. 0: not known.
  uint64_t untracked_address = 0;
  std::optional<ChunkWatch> chunk = std::nullopt;
};

struct WriteReading {
  uint64_t hits = 0;         // traps
  uint64_t marks = 0;        // of them, those that are no mere use of the block
  uint64_t births = 0;       // of a pool's block: as far as they keep a stack
  bool has_stack = false;    // the last mark was a birth, and has a stack
  int64_t unwritten_ns = 0;  // since the last trap; 0: not known
};

// Looks at where the process is, one each so much of its CPU time.
struct CpuSamples {
  uint64_t taken = 0;
  uint64_t in_string =
      0;  // of them, at a string instruction (watch_slowdown.h)
};

struct WriterStack {
  RawStack python;
  std::optional<NativeSnapshot> native;  // of chunks
};

class WritePort {
 public:
  virtual ~WritePort() = default;
  // How many blocks can be watched at once, or why none.
  virtual absl::StatusOr<int> Slots(bool chunks) = 0;
  // Moves the slot's watchpoints; its counts begin at 0.
  virtual absl::Status Arm(int slot, const WriteWatch& watch) = 0;
  virtual void Disarm(int slot) = 0;
  virtual WriteReading Read(int slot) = 0;
  // Lets the thread that wrote last go on unwatched for about so long, and
  // waits for it; the counts are kept. False: not done, as that thread cannot
  // be told from others. An error: writes may be missed from here on.
  virtual absl::StatusOr<bool> Blink(int slot, int64_t ns) = 0;
  // CPU time that the process has taken so far, all threads. Negative: it
  // cannot be read (any more), and then nothing rests.
  virtual int64_t CpuNs() = 0;
  // Since it is watched.
  virtual CpuSamples Samples() = 0;
  // What a trap costs the process, as measured so far; so does a sample.
  virtual double NsPerHit() = 0;
  // An error where a write since Arm may not have been seen: the stack need not
  // be that of the last one.
  virtual absl::StatusOr<WriterStack> ReadStack(int slot) = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_WRITE_PORT_H_
