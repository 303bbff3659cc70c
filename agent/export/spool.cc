#include "agent/export/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/export/spool_record.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::exporter {
namespace {

constexpr int64_t kMinSegmentBytes = 64 << 10;
constexpr int64_t kMaxSegmentBytes = 4 << 20;
constexpr int64_t kSegmentsPerSpool = 16;
constexpr size_t kSpoolIdBytes = 32;

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return absl::ErrnoToStatus(errno, "write " + path);
    }
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadRange(const std::string& path, int64_t offset,
                                      int64_t size) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "open " + path);
  if (size < 0) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) {
      return absl::ErrnoToStatus(errno, "stat " + path);
    }
    size = status.st_size;
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t got = ::pread(fd.get(), bytes.data() + done, bytes.size() - done,
                          offset + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, "read " + path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

// A file's name is on disk only when its directory is.
void SyncDirectory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) ::fsync(fd.get());
}

std::optional<uint64_t> ParseSegmentName(const std::string& name) {
  if (name.size() != 20 || !name.ends_with(".seg")) return std::nullopt;
  uint64_t seq = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + 16, seq, 16);
  if (error != std::errc() || end != name.data() + 16) return std::nullopt;
  return seq;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(SpoolOptions options) {
  std::unique_ptr<Spool> spool(new Spool(std::move(options)));
  PLIMSOLL_RETURN_IF_ERROR(spool->Load());
  return spool;
}

std::string Spool::SegmentPath(uint64_t first_seq) const {
  char name[32];
  std::snprintf(name, sizeof(name), "/%016llx.seg",
                static_cast<unsigned long long>(first_seq));
  return options_.directory + name;
}

absl::Status Spool::Load() {
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), "create " + options_.directory);
  }
  std::string lock_path = options_.directory + "/lock";
  lock_.Reset(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) return absl::ErrnoToStatus(errno, "open " + lock_path);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        "spool " + options_.directory +
        " is in use by another plimsoll-agent; give this one its own "
        "state_dir");
  }
  PLIMSOLL_RETURN_IF_ERROR(LoadSpoolId());
  segment_bytes_ = std::clamp(options_.max_bytes / kSegmentsPerSpool,
                              kMinSegmentBytes, kMaxSegmentBytes);
  std::vector<uint64_t> found;
  for (const auto& file :
       std::filesystem::directory_iterator(options_.directory, error)) {
    if (auto seq = ParseSegmentName(file.path().filename().string())) {
      found.push_back(*seq);
    }
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), "list " + options_.directory);
  }
  std::sort(found.begin(), found.end());
  std::lock_guard lock(mutex_);
  for (uint64_t seq : found) {
    PLIMSOLL_RETURN_IF_ERROR(LoadSegment(seq, seq == found.back()));
  }
  // The last segment's file stays even when it is empty: its name is what
  // keeps a number from being given twice.
  if (found.empty()) return OpenTail(next_seq_);
  Segment& last = segments_[found.back()];
  if (last.ended) return OpenTail(next_seq_);
  tail_.Reset(::open(SegmentPath(found.back()).c_str(),
                     O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!tail_.valid()) {
    return absl::ErrnoToStatus(errno, "open " + SegmentPath(found.back()));
  }
  return absl::OkStatus();
}

absl::Status Spool::LoadSpoolId() {
  std::string path = options_.directory + "/spool_id";
  if (auto id = ReadRange(path, 0, -1);
      id.ok() && id->size() == kSpoolIdBytes) {
    spool_id_ = *std::move(id);
    return absl::OkStatus();
  }
  if (options_.new_spool_id.size() != kSpoolIdBytes) {
    return absl::InvalidArgumentError("a new spool needs 32 digits of id");
  }
  // Without its id what is spooled cannot be told from what was sent under
  // another: it is set aside, and its loss is counted.
  std::error_code ignored;
  std::lock_guard lock(mutex_);
  for (const auto& file :
       std::filesystem::directory_iterator(options_.directory, ignored)) {
    if (!ParseSegmentName(file.path().filename().string())) continue;
    std::filesystem::remove(file.path(), ignored);
    ++losses_["spool_corrupt"];
  }
  std::string temporary = path + ".new";
  UniqueFd fd(::open(temporary.c_str(),
                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "open " + temporary);
  PLIMSOLL_RETURN_IF_ERROR(
      WriteAll(fd.get(), options_.new_spool_id, temporary));
  if (::fdatasync(fd.get()) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, "write " + path);
  }
  SyncDirectory(options_.directory);
  spool_id_ = options_.new_spool_id;
  return absl::OkStatus();
}

absl::Status Spool::LoadSegment(uint64_t first_seq, bool last) {
  std::string path = SegmentPath(first_seq);
  PLIMSOLL_ASSIGN_OR_RETURN(std::string bytes, ReadRange(path, 0, -1));
  next_seq_ = std::max(next_seq_, first_seq);
  size_t offset = 0;
  while (offset < bytes.size()) {
    auto record = DecodeRecord(std::string_view(bytes).substr(offset));
    if (!record || record->seq < next_seq_) break;
    entries_.push_back({record->seq, first_seq, static_cast<int64_t>(offset),
                        static_cast<int64_t>(record->size_bytes())});
    next_seq_ = record->seq + 1;
    offset += record->size_bytes();
  }
  Segment segment{static_cast<int64_t>(bytes.size()), false};
  if (offset < bytes.size()) {
    ++losses_["spool_corrupt"];
    // The cut tail goes, so that the next record does not stand behind it.
    if (::truncate(path.c_str(), static_cast<off_t>(offset)) == 0) {
      segment.bytes = static_cast<int64_t>(offset);
    } else {
      segment.ended = last;
    }
    // Numbers in the lost part may have been sent: they are not given again.
    next_seq_ +=
        static_cast<uint64_t>((bytes.size() - offset) / kRecordHeaderBytes) + 1;
  }
  bytes_ += segment.bytes;
  segments_[first_seq] = segment;
  return absl::OkStatus();
}

absl::Status Spool::OpenTail(uint64_t first_seq) {
  std::string path = SegmentPath(first_seq);
  UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "create " + path);
  SyncDirectory(options_.directory);
  tail_ = std::move(fd);
  segments_.try_emplace(first_seq);
  return absl::OkStatus();
}

absl::Status Spool::Write(std::string_view record) {
  bool full = segments_.empty() || segments_.rbegin()->second.ended ||
              segments_.rbegin()->second.bytes >= segment_bytes_;
  if (full || !tail_.valid()) PLIMSOLL_RETURN_IF_ERROR(OpenTail(next_seq_));
  Segment& segment = segments_.rbegin()->second;
  std::string path = SegmentPath(segments_.rbegin()->first);
  absl::Status status = WriteAll(tail_.get(), record, path);
  if (status.ok() && ::fdatasync(tail_.get()) != 0) {
    status = absl::ErrnoToStatus(errno, "fdatasync " + path);
  }
  if (!status.ok() && ::ftruncate(tail_.get(), segment.bytes) != 0) {
    segment.ended = true;
  }
  return status;
}

absl::StatusOr<uint64_t> Spool::Append(std::string_view payload) {
  std::lock_guard lock(mutex_);
  if (payload.size() > kMaxPayloadBytes) {
    ++losses_["batch_too_large"];
    return absl::InvalidArgumentError("a batch of " +
                                      std::to_string(payload.size()) +
                                      " bytes is over the spool's bound");
  }
  std::string record = EncodeRecord(next_seq_, payload);
  int64_t size = static_cast<int64_t>(record.size());
  TrimToBound(size);
  // The number is spent even when the write fails: part of it may be on disk.
  uint64_t seq = next_seq_;
  absl::Status status = Write(record);
  ++next_seq_;
  if (!status.ok()) {
    ++losses_["spool_write"];
    return status;
  }
  auto& [first_seq, segment] = *segments_.rbegin();
  entries_.push_back({seq, first_seq, segment.bytes, size});
  segment.bytes += size;
  bytes_ += size;
  return seq;
}

void Spool::TrimToBound(int64_t incoming_bytes) {
  while (segments_.size() > 1 && bytes_ + incoming_bytes > options_.max_bytes) {
    DropOldestSegment();
  }
}

void Spool::DropOldestSegment() {
  auto oldest = segments_.begin();
  while (!entries_.empty() && entries_.front().segment == oldest->first) {
    ++losses_["spool_full"];
    entries_.pop_front();
  }
  ::unlink(SegmentPath(oldest->first).c_str());
  bytes_ -= oldest->second.bytes;
  segments_.erase(oldest);
}

std::optional<Spool::Batch> Spool::ReadFrom(uint64_t seq) {
  std::lock_guard lock(mutex_);
  auto at = std::lower_bound(
      entries_.begin(), entries_.end(), seq,
      [](const Entry& entry, uint64_t wanted) { return entry.seq < wanted; });
  while (at != entries_.end()) {
    auto bytes = ReadRange(SegmentPath(at->segment), at->offset, at->size);
    if (bytes.ok()) {
      auto record = DecodeRecord(*bytes);
      if (record && record->seq == at->seq) {
        return Batch{at->seq, std::string(record->payload)};
      }
    }
    // It was whole when it was written or loaded: the disk has changed it.
    ++losses_["spool_corrupt"];
    at = entries_.erase(at);
  }
  return std::nullopt;
}

void Spool::Acknowledge(uint64_t seq) {
  std::lock_guard lock(mutex_);
  while (!entries_.empty() && entries_.front().seq <= seq) {
    entries_.pop_front();
  }
  DropAcknowledgedSegments();
}

void Spool::DropAcknowledgedSegments() {
  while (segments_.size() > 1) {
    auto oldest = segments_.begin();
    if (!entries_.empty() && entries_.front().segment == oldest->first) return;
    ::unlink(SegmentPath(oldest->first).c_str());
    bytes_ -= oldest->second.bytes;
    segments_.erase(oldest);
  }
}

void Spool::SkipTo(uint64_t seq) {
  std::lock_guard lock(mutex_);
  if (seq <= next_seq_) return;
  next_seq_ = seq;
  // A new segment, whose name keeps the number over a restart.
  if (!OpenTail(seq).ok()) ++losses_["spool_write"];
}

uint64_t Spool::first_seq() const {
  std::lock_guard lock(mutex_);
  return entries_.empty() ? next_seq_ : entries_.front().seq;
}

uint64_t Spool::next_seq() const {
  std::lock_guard lock(mutex_);
  return next_seq_;
}

int64_t Spool::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

std::map<std::string, int64_t> Spool::losses() const {
  std::lock_guard lock(mutex_);
  return losses_;
}

}  // namespace plimsoll::exporter
