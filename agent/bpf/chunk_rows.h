// The kernel's rows of chunks under watch (bpf/chunks.bpf.h): which words of a
// chunk are watched in what role, and what the program has counted.
//
// ChunkRows belongs to a BirthProbe, each ChunkRow to the watch of one process,
// which may not outlive it. One thread.
#ifndef PLIMSOLL_AGENT_BPF_CHUNK_ROWS_H_
#define PLIMSOLL_AGENT_BPF_CHUNK_ROWS_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/bpf/thread_watchpoints.h"
#include "agent/core/write_port.h"
#include "plimsoll/bpf_watch.h"

namespace plimsoll::bpf {

core::RawStack StackOf(const plimsoll_stack& stack);

class ChunkRows;

class ChunkRow {
 public:
  ChunkRow(ChunkRow&& other) noexcept;
  ChunkRow& operator=(ChunkRow&& other) noexcept;
  ~ChunkRow();

  // A chunk at `address`; counts begin at 0. The addresses to watch, in the
  // order in which the watchpoints are to be moved there.
  absl::StatusOr<std::vector<uint64_t>> Set(uint64_t address,
                                            const core::ChunkWatch& watch);
  // What the i-th word's watchpoint had counted before it was moved.
  void Begin(size_t word, uint64_t writes) { words_[word].before = writes; }
  void Clear();
  core::WriteReading Read() const;
  // kDataLoss: a write went by that the program did not see.
  absl::StatusOr<core::WriterStack> ReadStack(
      std::span<const ThreadWatchpoints> watchpoints) const;

 private:
  friend class ChunkRows;
  struct Word {
    uint64_t address = 0;
    uint32_t role = 0;
    uint64_t before = 0;
  };
  ChunkRow(ChunkRows* rows, int32_t pid, uint32_t index)
      : rows_(rows), pid_(pid), index_(index) {}
  bool ReadRow(plimsoll_watched_chunk& row) const;
  absl::Status CheckWrites(
      const plimsoll_watched_chunk& row,
      std::span<const ThreadWatchpoints> watchpoints) const;

  ChunkRows* rows_ = nullptr;
  int32_t pid_ = 0;
  uint32_t index_ = 0;
  std::vector<Word> words_;
  // Of the chunk that was watched last, as the program saw them.
  uint64_t last_address_ = 0;
  uint64_t last_head_ = 0;
  uint64_t last_next_ = 0;
};

class ChunkRows {
 public:
  ChunkRows() = default;
  ChunkRows(int chunks_fd, int words_fd)
      : chunks_fd_(chunks_fd), words_fd_(words_fd) {}

  // kResourceExhausted: too many chunks are under watch.
  absl::StatusOr<ChunkRow> Take(int32_t pid);

 private:
  friend class ChunkRow;
  int chunks_fd_ = -1;
  int words_fd_ = -1;
  std::array<bool, PLIMSOLL_MAX_CHUNKS> taken_ = {};
};

}  // namespace plimsoll::bpf

#endif  // PLIMSOLL_AGENT_BPF_CHUNK_ROWS_H_
