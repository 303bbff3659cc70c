// A birth watch from its beginning to a profile: two surveys of the heap that
// tell in which blocks the type grows and how fast, a BirthSession over the
// rest of the time, and a last survey that says how much stayed. A type that
// grows more in malloc's chunks than in pools (objects over 512 bytes) is
// followed there; without a type it is malloc itself whose growth is followed.
// Pure, like the session; both the agent and the command line drive it.
//
// One owner, one thread. Call Tick every 10 ms until done().
#ifndef PLIMSOLL_AGENT_CORE_BIRTH_RUN_H_
#define PLIMSOLL_AGENT_CORE_BIRTH_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/birth_session.h"
#include "agent/core/birth_shares.h"
#include "agent/core/probe_port.h"

namespace plimsoll::core {

class BirthRun {
 public:
  using LookFn = BirthSession::LookFn;

  // type_address 0: all chunks of malloc, whatever they hold.
  // options.duration_ns is that of the whole run; objects_per_s is measured.
  // `writes` must outlive it. A `look` may answer after the run is destroyed.
  BirthRun(const PythonProcess& python, std::string type, uint64_t type_address,
           const BirthOptions& options, WritePort* writes, LookFn look,
           int64_t now_ns);
  ~BirthRun() { *alive_ = false; }
  BirthRun(const BirthRun&) = delete;
  BirthRun& operator=(const BirthRun&) = delete;

  void Tick(int64_t now_ns);
  void EndEarly();
  bool done() const { return phase_ == Phase::kDone; }
  // Why it came to nothing, or ended before its time.
  const absl::Status& status() const { return status_; }
  BirthCounts counts() const;
  // Objects that the type gained from the first survey to the last; 0 when it
  // did not grow, or there was no last one.
  int64_t grown() const;

  // One row for each stack: `allocations` is the number of samples, `weight`
  // the objects that one stands for, surviving_objects their product. Coverage:
  // samples, of the births that could have been one. No rows: `refusal` says
  // what was met instead.
  RawProfile Profile() const;

 private:
  enum class Phase : uint8_t { kFirst, kSettle, kWatch, kLast, kDone };
  void Survey();
  void AnswerSurvey(absl::StatusOr<BirthFindings> found);
  void Begin(BirthFindings found);
  void Finish(absl::Status status);
  std::string WhyNone() const;
  void AddRows(RawProfile& raw) const;
  // What each sample stands for, in objects; empty where that is not known.
  std::vector<double> Weights() const;
  std::vector<double> ChunkWeights() const;

  const PythonProcess python_;
  const std::string type_;
  const uint64_t type_address_;
  BirthOptions options_;
  WritePort* const writes_;
  LookFn look_;
  const int64_t begin_ns_;
  const int64_t settle_ns_;
  int64_t now_ns_;
  Phase phase_ = Phase::kFirst;
  bool chunks_ = false;  // malloc's are followed, not pools
  bool surveying_ = false;
  bool ending_ = false;
  // Of pools and of chunks; what is followed of the last.
  std::optional<BirthSurvey> first_;
  std::optional<BirthSurvey> first_chunks_;
  BirthSurvey last_;
  int64_t first_at_ns_ = 0;
  std::vector<ObjectsAt> objects_;  // of what is followed
  std::unique_ptr<BirthSession> session_;
  absl::Status status_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_RUN_H_
