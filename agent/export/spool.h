// Spool keeps batches on disk between the loop, which appends, and the client,
// which sends. Any thread may call it; one process per directory (locked).
//
// Promises:
//  - Append returns after fdatasync: what may be sent is on disk, so a number
//    that a collector has seen is never given to another batch, whatever
//    crashes.
//  - Numbers rise; they have gaps where a batch was dropped or was corrupt.
//  - Past `max_bytes` the oldest segment goes; its unacknowledged batches are
//    counted as "spool_full".
//  - A record that was cut or is corrupt ends its segment: what stands before
//    it is kept, the rest of that segment is counted as "spool_corrupt" (once
//    per cut: how many records it held is not known).
//  - A write that fails (disk full) loses that one batch, which is counted as
//    "spool_write"; the next is tried again.
//
// Files in `directory`: lock; spool_id; SEQ.seg (16 hex digits: the first seq).
#ifndef PLIMSOLL_AGENT_EXPORT_SPOOL_H_
#define PLIMSOLL_AGENT_EXPORT_SPOOL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::exporter {

struct SpoolOptions {
  std::string directory;
  int64_t max_bytes = int64_t{256} << 20;
  // Given to a spool that is created now; 32 hex digits from a random source.
  std::string new_spool_id;
};

class Spool {
 public:
  // kFailedPrecondition when another process holds the directory.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(SpoolOptions options);

  const std::string& spool_id() const { return spool_id_; }

  // The seq that the batch was given.
  absl::StatusOr<uint64_t> Append(std::string_view payload);

  struct Batch {
    uint64_t seq = 0;
    std::string payload;
  };
  // The oldest batch with a seq of at least `seq`; nullopt when none is there.
  std::optional<Batch> ReadFrom(uint64_t seq);
  // Everything up to and with `seq` is stored elsewhere and may be deleted.
  void Acknowledge(uint64_t seq);
  // Numbers below `seq` are taken: the collector has more of this spool than
  // the spool itself, as after a disk was restored from a copy.
  void SkipTo(uint64_t seq);

  uint64_t first_seq() const;  // oldest batch held; next_seq() when none
  uint64_t next_seq() const;
  int64_t bytes() const;  // on disk
  // Lost since Open, by reason of drop_reasons.h.
  std::map<std::string, int64_t> losses() const;

 private:
  struct Entry {
    uint64_t seq;
    uint64_t segment;  // first seq of its segment
    int64_t offset;
    int64_t size;
  };
  struct Segment {
    int64_t bytes = 0;
    bool ended = false;  // a write to it failed: never append again
  };
  explicit Spool(SpoolOptions options) : options_(std::move(options)) {}
  absl::Status Load();
  absl::Status LoadSpoolId();
  absl::Status LoadSegment(uint64_t first_seq, bool last);
  absl::Status OpenTail(uint64_t first_seq);
  absl::Status Write(std::string_view record);
  void DropOldestSegment();
  void DropAcknowledgedSegments();
  void TrimToBound(int64_t incoming_bytes);
  std::string SegmentPath(uint64_t first_seq) const;

  SpoolOptions options_;  // constant after Open, as is spool_id_
  std::string spool_id_;
  UniqueFd lock_;
  int64_t segment_bytes_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::map<uint64_t, Segment> segments_;
  std::deque<Entry> entries_;  // by seq
  UniqueFd tail_;
  uint64_t next_seq_ = 1;
  int64_t bytes_ = 0;
  std::map<std::string, int64_t> losses_;
};

}  // namespace plimsoll::exporter

#endif  // PLIMSOLL_AGENT_EXPORT_SPOOL_H_
