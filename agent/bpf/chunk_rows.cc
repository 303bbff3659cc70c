#include "agent/bpf/chunk_rows.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "agent/bpf/native_record.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::bpf {
namespace {

constexpr uint64_t kHeadWord = 8;  // of struct malloc_chunk
constexpr uint64_t kFirstWord = 16;
constexpr uint64_t kSecondWord = 24;
// What goes by way of the fast bins is handed back in the first word alone.
constexpr int64_t kLargestFastChunk = 128;
constexpr int kTries = 3;

}  // namespace

core::RawStack StackOf(const plimsoll_stack& stack) {
  core::RawStack raw;
  raw.truncated = stack.truncated != 0;
  const uint32_t count =
      std::min<uint32_t>(stack.frame_count, PLIMSOLL_MAX_FRAMES);
  for (uint32_t i = 0; i < count; ++i) {
    raw.frames.push_back({stack.frames[i].code, stack.frames[i].instruction});
  }
  return raw;
}

ChunkRow::ChunkRow(ChunkRow&& other) noexcept { *this = std::move(other); }

ChunkRow& ChunkRow::operator=(ChunkRow&& other) noexcept {
  std::swap(rows_, other.rows_);
  std::swap(pid_, other.pid_);
  std::swap(index_, other.index_);
  std::swap(words_, other.words_);
  std::swap(last_address_, other.last_address_);
  std::swap(last_head_, other.last_head_);
  std::swap(last_next_, other.last_next_);
  return *this;
}

ChunkRow::~ChunkRow() {
  if (rows_ == nullptr) return;
  Clear();
  rows_->taken_[index_] = false;
}

absl::StatusOr<ChunkRow> ChunkRows::Take(int32_t pid) {
  for (uint32_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) continue;
    taken_[i] = true;
    return ChunkRow(this, pid, i);
  }
  return absl::ResourceExhaustedError("the chunks of 8 processes are watched");
}

absl::StatusOr<std::vector<uint64_t>> ChunkRow::Set(
    uint64_t address, const core::ChunkWatch& watch) {
  Clear();
  auto row = std::make_unique<plimsoll_watched_chunk>();
  row->malloc_begin = watch.malloc_begin;
  row->malloc_end = watch.malloc_end;
  row->least_bytes = static_cast<uint64_t>(watch.least_bytes);
  row->most_bytes = static_cast<uint64_t>(watch.most_bytes);
  row->unsorted = watch.unsorted;
  const bool again = address == last_address_;
  row->head = watch.head == 0 && again ? last_head_ : watch.head;
  row->next = watch.next_head == 0 && again ? last_next_ : watch.next_head;
  last_address_ = address;
  if (bpf_map_update_elem(rows_->chunks_fd_, &index_, row.get(), BPF_ANY) !=
      0) {
    return absl::ErrnoToStatus(errno, "add a watched chunk");
  }
  if (watch.most_bytes <= kLargestFastChunk) {
    words_.push_back({address + kFirstWord, PLIMSOLL_CHUNK_FIRST});
  }
  words_.push_back({address + kSecondWord, PLIMSOLL_CHUNK_SECOND});
  if (words_.size() == 1 && watch.chunk_bytes > 0) {
    words_.push_back(
        {address + static_cast<uint64_t>(watch.chunk_bytes) + kHeadWord,
         PLIMSOLL_CHUNK_NEXT});
  }
  words_.push_back({address + kHeadWord, PLIMSOLL_CHUNK_HEAD});
  std::vector<uint64_t> addresses;
  for (const Word& word : words_) {
    const plimsoll_watch_key key = {.address = word.address,
                                    .tgid = static_cast<uint32_t>(pid_),
                                    .padding = 0};
    const plimsoll_chunk_word value = {.chunk = index_, .role = word.role};
    if (bpf_map_update_elem(rows_->words_fd_, &key, &value, BPF_ANY) != 0) {
      return absl::ErrnoToStatus(errno, "add a word of a watched chunk");
    }
    addresses.push_back(word.address);
  }
  return addresses;
}

void ChunkRow::Clear() {
  if (words_.empty()) return;
  for (const Word& word : words_) {
    const plimsoll_watch_key key = {.address = word.address,
                                    .tgid = static_cast<uint32_t>(pid_),
                                    .padding = 0};
    bpf_map_delete_elem(rows_->words_fd_, &key);
  }
  words_.clear();
  auto row = std::make_unique<plimsoll_watched_chunk>();
  if (!ReadRow(*row)) return;
  last_head_ = row->head;
  last_next_ = row->next;
}

bool ChunkRow::ReadRow(plimsoll_watched_chunk& row) const {
  return bpf_map_lookup_elem(rows_->chunks_fd_, &index_, &row) == 0;
}

core::WriteReading ChunkRow::Read() const {
  auto row = std::make_unique<plimsoll_watched_chunk>();
  if (words_.empty() || !ReadRow(*row)) return {};
  core::WriteReading reading;
  for (const uint64_t hits : row->hits) reading.hits += hits;
  reading.marks = row->events;
  reading.has_stack = row->births > 0;
  return reading;
}

absl::Status ChunkRow::CheckWrites(
    const plimsoll_watched_chunk& row,
    std::span<const ThreadWatchpoints> watchpoints) const {
  for (size_t i = 0; i < words_.size() && i < watchpoints.size(); ++i) {
    PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t writes, watchpoints[i].Writes());
    if (writes - words_[i].before != row.hits[words_[i].role]) {
      return absl::DataLossError(
          "a write went by that the program did not see");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<core::WriterStack> ChunkRow::ReadStack(
    std::span<const ThreadWatchpoints> watchpoints) const {
  auto row = std::make_unique<plimsoll_watched_chunk>();
  auto again = std::make_unique<plimsoll_watched_chunk>();
  absl::Status seen = absl::AbortedError("it is being written");
  // A user of the block may write to it between one count and the other.
  for (int i = 0; i < kTries; ++i) {
    if (!ReadRow(*row)) return absl::DataLossError("no such row");
    seen = CheckWrites(*row, watchpoints);
    if (!seen.ok()) continue;
    if (!ReadRow(*again)) return absl::DataLossError("no such row");
    if (row->busy != 0 || again->busy != 0 || row->births == 0 ||
        again->events != row->events) {
      seen = absl::AbortedError("it is being written");
      continue;
    }
    return core::WriterStack{.python = StackOf(row->walk.stack),
                             .native = SnapshotOf(row->native)};
  }
  return seen;
}

}  // namespace plimsoll::bpf
