// What a BirthSession is told and what it has found: plain values.
#ifndef PLIMSOLL_AGENT_CORE_BIRTH_SAMPLES_H_
#define PLIMSOLL_AGENT_CORE_BIRTH_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "agent/core/hit_allowance.h"
#include "agent/core/native_stack.h"
#include "agent/core/stack_profile.h"

namespace plimsoll::core {

struct BirthOptions {
  int64_t duration_ns = 30'000'000'000;
  // How long an object must be left alone to count as staying. 0: a twentieth
  // of the duration, within [0.5, 3] s.
  int64_t rest_ns = 0;
  double budget_ns = 500e6;          // of the target's CPU time
  uint64_t max_hits_per_sample = 0;  // 0: those of a quarter of the budget
  HitPace pace = {};
  double objects_per_s = 0;  // net growth where known
  uint64_t seed = 1;
};

struct BirthSample {
  RawStack stack;                        // empty: the birth ran no Python code
  std::optional<NativeSnapshot> native;  // of chunks
  uint64_t block = 0;
  int64_t block_bytes = 0;
  size_t in_class = 0;      // of classes()
  uint64_t cache_mark = 0;  // of chunks, BirthSpot's
  int64_t born_ns = 0;      // within a Tick; of the clock that Tick is given
  uint64_t hits = 0;        // that it took
};

struct BirthCounts {
  uint64_t hits = 0;
  int64_t armed = 0;
  int64_t late = 0;       // handed out before the watch stood
  int64_t unreached = 0;  // never written while watched
  int64_t hot = 0;        // written too often: given up, or kept unseen
  int64_t other = 0;      // rests as something else than the type
  int64_t died = 0;       // was a sample, and gone at the end
  int64_t unread = 0;     // its stack could not be read
  int64_t starved = 0;    // left alone, but the process hardly ran meanwhile
  int64_t looks = 0;
  int64_t blinks = 0;       // at blocks that were written too often
  double cost_ns = 0;       // of the target's CPU time, all in all
  double slowed_share = 0;  // of that while a watchpoint stood: lost
  bool budget_spent = false;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BIRTH_SAMPLES_H_
