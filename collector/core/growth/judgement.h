// The full judgement of one process' anonymous memory: leak-analysis 2.3 over
// windows of one, three, six and twenty-four hours, with what the other lives
// of its workload say of its age. One look back from `now`; whether it stood
// for long enough is Confirmations' to say. Pure.
//
// In words: it leaks when its floors rise steadily (not in one step, not ever
// slower), past anything that it or a sibling came back from alive; and, while
// it is young enough to be filling a cache, when siblings say that this growth
// does not end, or when it has used most of its headroom already.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGEMENT_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGEMENT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/fleet.h"
#include "collector/core/growth/judged_life.h"
#include "collector/core/history/siblings.h"
#include "collector/core/incident/incident.h"
#include "collector/core/incident/verdict.h"
#include "collector/core/thresholds.h"

namespace plimsoll::collector {

struct ProcessJudgement {
  bool grows = false;  // a slope, its interval, and still growing
  bool page = false;
  bool ticket = false;
  // A ticket but for its own significance: siblings may lend theirs.
  bool all_but_sure = false;
  Estimate bytes_per_s;
  double z = 0;
  double window_s = 0;   // of the floors used
  double confirm_s = 0;  // how long it has to stand
  std::optional<TimeToLimit> time_to_limit;
  // Its own noise and how its pace varies leave it open whether it grows.
  bool may_be_none = false;
  // What may be in the rate beside a leak, so that its interval is that of a
  // model and may miss; empty where its coverage is as stated.
  std::string model_limited;
  std::string why_not;    // the first condition that fails in the last window
  bool by_shape = false;  // it was the shape of the growth that failed
  bool by_used = false;   // of the bytes in use, not of all anonymous memory
  std::string by_type;    // of the live bytes of this type; else empty
  // Why not by the shape of the longest window that could be looked at, where
  // it was the shape: what is shown while a shorter one waits. No claim rests
  // on it.
  std::string long_shape;
  // Load that rises as steadily may be all of it, whatever else speaks against
  // a leak; where requests are counted.
  bool may_follow_load = false;
  // Where anonymous memory grows and the bytes in use do not: kFragmentation
  // or kHighWater. No leak; else kUnknown.
  Verdict no_leak = Verdict::kUnknown;
};

// How much is found of a life that cannot be claimed, by itself or with its
// siblings.
enum class Depth : uint8_t {
  kToClaim,  // no more: its z may be 0 for any that is not significant, the
             // slope be missing, and `why_not` name another of its reasons
  kInFull
};

// The most urgent of the windows for one life by one series; a life shorter
// than a window is judged on what there is, from half of it on.
ProcessJudgement JudgeSeries(const JudgedLife& c, Depth depth);

// The same for lives[me], by anonymous memory and in full.
ProcessJudgement JudgeLife(const std::vector<WorkloadLife>& lives, size_t me,
                           const JudgementInput& input,
                           const JudgementThresholds& thresholds,
                           int64_t now_ns);

// A process without siblings, from its samples in time order.
ProcessJudgement JudgeProcess(const std::vector<Sample>& anon,
                              const JudgementInput& input,
                              const JudgementThresholds& thresholds,
                              int64_t now_ns);

// A judgement counts once it has stood, at each look, for its time; then it
// stands until its process has not grown for an hour.
class Confirmations {
 public:
  explicit Confirmations(const JudgementThresholds& thresholds)
      : thresholds_(thresholds) {}
  // True when it stands.
  bool Add(ProcessKey process, const ProcessJudgement& judgement,
           int64_t now_ns);
  // As of the last look.
  bool Stands(ProcessKey process) const;
  void Forget(int64_t not_added_since_ns);

 private:
  struct Standing {
    int64_t since_ns = 0, grew_ns = 0, last_ns = 0;
    bool stood = false;
  };
  const JudgementThresholds thresholds_;
  std::map<ProcessKey, Standing> standing_;
};

// The cause by the shares of growth; kLeak where they are not known.
Verdict CauseOf(const GrowthShares& shares, const CauseThresholds& thresholds);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_JUDGEMENT_H_
