// One process and one growing type under birth watch, or the growth of its
// malloc: which code makes what stays. Pure: time comes in by Tick(), the heap
// through a LookFn, debug registers through a WritePort.
//
//   idle --spot--> armed --written, then still for rest_ns--> resting
//                    |                                           |
//                    | taken before it was armed; never written; | live, and
//                    | written too often                         | the type?
//                    v                                           v
//                  idle, counted by reason                    a sample
//
// A spot is a free block some way ahead of the allocator (`ahead`, which grows
// when spots come too late and shrinks when they are not reached). What is
// written there last before it rests is the birth of what stays; the code that
// only passes (makes and drops) has been overwritten by then. At the end every
// sample is looked at again, and leaves when its object is gone.
//
// To rest is to be left alone while the process runs: one that is stopped, or
// starved of CPU, leaves everything alone, what it is about to drop as well.
//
// A block amid churn is written all the time, and trapping makes its writer a
// hundred times slower: then the rest of a thousand that are dropped before one
// is kept takes longer than a turn with the GIL, and each of many threads gets
// a part of its own. So the writer is left unwatched for moments (BlinkLength)
// in which it gets ahead; what was kept in one is not seen, and is no sample.
//
// While it waits, a watchpoint stands, and may slow the process
// (WatchSlowdown): then it waits for less, half a second at least.
//
// Bounds: what it costs the target (traps, and what watchpoints slow down while
// they stand) by budget_ns, which is spent evenly over the duration (ahead of
// that nothing is armed); hits by max_hits_per_sample, and by pace, beyond
// which a block is left alone for a while. All are checked at each
// Tick: call it every 10 ms.
//
// One owner, one thread. `look` may answer at once or later, but not after the
// session is destroyed unless it holds alive().
#ifndef PLIMSOLL_AGENT_CORE_BIRTH_SESSION_H_
#define PLIMSOLL_AGENT_CORE_BIRTH_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/birth_look.h"
#include "agent/core/birth_samples.h"
#include "agent/core/birth_word.h"
#include "agent/core/blink_length.h"
#include "agent/core/hit_allowance.h"
#include "agent/core/python_layout.h"
#include "agent/core/spot_picker.h"
#include "agent/core/watch_slowdown.h"
#include "agent/core/write_port.h"

namespace plimsoll::core {

class BirthSession {
 public:
  using LookDone = absl::AnyInvocable<void(absl::StatusOr<BirthFindings>)>;
  using LookFn = absl::AnyInvocable<void(BirthLook, LookDone)>;

  // `survey` is of the type to watch. kUnimplemented: its births cannot be
  // watched, with the reason; kFailedPrecondition: no debug register.
  static absl::StatusOr<std::unique_ptr<BirthSession>> Create(
      const PythonProcess& python, const BirthSurvey& survey,
      const BirthOptions& options, WritePort* writes, LookFn look,
      int64_t now_ns);
  ~BirthSession() { *alive_ = false; }
  BirthSession(const BirthSession&) = delete;
  BirthSession& operator=(const BirthSession&) = delete;

  void Tick(int64_t now_ns);
  // Nothing is armed any more from here on.
  void EndEarly();
  bool done() const { return phase_ == Phase::kDone; }
  // Why it ended before its time; OK otherwise.
  const absl::Status& status() const { return status_; }
  const std::vector<BirthSample>& samples() const { return samples_; }
  const BirthCounts& counts() const { return counts_; }
  // Those that are watched.
  const std::vector<BlockClass>& classes() const { return classes_; }

 private:
  enum class Phase : uint8_t { kWatching, kEnding, kDone };
  struct Slot {
    bool armed = false;
    int64_t resume_ns = 0;    // not armed, but will be again; 0: free
    uint64_t generation = 0;  // of what an answer is about
    SpotPicker::Pick pick;
    BirthSpot spot;
    uint64_t hits = 0;   // since it was armed
    uint64_t marks = 0;  // of them, births and deaths
    uint64_t births = 0;
    std::optional<uint64_t> blinked_at;  // births at the end of a blink
    uint64_t hits_before = 0;            // it was last paused
    int64_t armed_ns = 0;
    int64_t quiet_ns = 0;      // when its marks were last seen to change
    int64_t quiet_cpu_ns = 0;  // the process' CPU time then
    int64_t next_look_ns = 0;
    int64_t look_step_ns = 0;
  };
  struct Asked;  // what a look is about

  BirthSession(const BirthSurvey& survey, std::vector<BlockClass> classes,
               const BirthOptions& options, WritePort* writes, LookFn look,
               int64_t now_ns);
  void Watch(Slot& slot, int index);
  void Pause(Slot& slot, int index);
  void Blink(Slot& slot, int index);
  bool Arm(Slot& slot, int index);
  void Look();
  void LookAtTheEnd();
  void Answer(const Asked& asked, const absl::StatusOr<BirthFindings>& found);
  void AnswerBlock(int index, const BlockState& state);
  void LookLater(Slot& slot) const;
  void AnswerSpot(int index, const SpotPicker::Pick& pick,
                  const BirthSpot& spot);
  void AnswerEnd(const BirthFindings& found);
  bool Rests(const Slot& slot) const;
  // What is there may have been born in a blink.
  static bool BlinkedSince(const Slot& slot) {
    return slot.blinked_at == slot.births;
  }
  void CountCost();
  int64_t Afforded(int64_t wanted_ns) const;
  int64_t RestNs() const { return Afforded(options_.rest_ns); }
  int64_t PatienceNs() const { return Afforded(patience_ns_); }
  bool Affordable() const;
  bool MayTakeABurst() const;
  void KeptUnseen(Slot& slot, int index);
  void Accept(Slot& slot, int index);
  void GiveUp(Slot& slot, int index, int64_t& reason);
  void DisarmAll();
  void Finish(absl::Status status);
  BlockQuestion QuestionAbout(const BirthSpot& spot,
                              const BlockClass& blocks) const;
  WriteWatch WatchOf(const Slot& slot) const;
  bool IsTheType(const BlockState& state) const;

  const BirthOptions options_;
  WritePort* const writes_;
  LookFn look_;
  const uint64_t type_;  // 0: of any, in chunks
  const uint64_t malloc_begin_;
  const uint64_t malloc_end_;
  const std::vector<BlockClass> classes_;
  std::vector<BirthWord> words_;  // of the classes; none of chunks
  SpotPicker picker_;
  const int64_t patience_ns_;
  std::vector<Slot> slots_;
  std::vector<BirthSample> samples_;
  BirthCounts counts_;
  absl::Status status_;
  Phase phase_ = Phase::kWatching;
  bool looking_ = false;
  int64_t now_ns_;
  const int64_t end_ns_;
  int64_t next_wish_ns_ = 0;
  HitAllowance allowance_;
  WatchSlowdown slowdown_;
  BlinkLength blink_;
  size_t kept_unseen_ = 0;  // while their watch paused, since it was widened
  bool one_burst_each_ = false;
  uint64_t cache_mark_ = 0;  // of the process, as last seen
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_SESSION_H_
