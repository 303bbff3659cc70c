// The imminent rule: one process, watched snapshot by snapshot in bounded
// memory. It holds when, at once,
//   1. the tightest limit is surely met within the horizon: headroom over the
//      low end of the robust slope's interval;
//   2. enough has been gained since first seen, and what is used is past
//      anything seen before the last fall (a saw's teeth are not growth), or
//      the floors of the saw themselves rise;
//   3. the growth goes on: neither flat of late nor bending down, nor does the
//      request rate rise with it;
//   4. what grows is alive: objects of at least one type rise census by census,
//      or the bytes of native memory in use do, and are most of the growth. Of
//      that alone a rise must last for longer, unless the limit is very near.
// A suspicion becomes confirmed when it holds for `confirm_s` with a census of
// its own. Not thread-safe. Errors: none; what is missing is said in `why_not`.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_IMMINENT_WATCH_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_IMMINENT_WATCH_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/observation.h"
#include "collector/core/thresholds.h"
#include "collector/core/types/type_watch.h"

namespace plimsoll::collector {

struct ImminentFinding {
  bool holds = false;      // at the newest snapshot
  bool confirmed = false;  // and long enough to page
  std::string why_not;     // the first condition that fails; empty if it holds
  // What a page asks for but the last condition: the limit is near, and what
  // grows is not known.
  bool unnamed = false;
  Estimate bytes_per_s;           // of this process' anonymous memory
  Estimate pressure_bytes_per_s;  // of what presses on the limit
  double usage_bytes = 0;
  double limit_bytes = 0;
  bool limit_of_node = false;  // none is set: usage and what the node has left
  double window_s = 0;
  TimeToLimit time_to_limit;
};

// Native memory in use: what malloc handed out and nobody in Python has.
struct NativeTrend {
  Estimate bytes_per_s;
  bool rising = false;  // by either test of the rule, and most of the growth
};

class ImminentWatch {
 public:
  // start_unix_ns: of the process; 0 when not known (then first sight counts).
  ImminentWatch(const ImminentThresholds& thresholds, int64_t start_unix_ns);

  const ImminentFinding& Observe(const Observation& observation);

  const ImminentFinding& finding() const { return finding_; }
  // Of anonymous memory as it is now, whether the rule holds or not (of the
  // floors where there is a saw); nothing with too few looks.
  std::optional<Estimate> RecentSlope() const;
  // Types that rise by either test of the rule.
  std::vector<const TypeHistory*> RisingTypes() const;
  // Those and the others that grew most.
  const std::vector<TypeHistory>& FollowedTypes() const {
    return types_.followed();
  }
  // Nothing where it is not known, or with too few censuses.
  std::optional<NativeTrend> Native() const;
  int64_t last_seen_ns() const { return last_seen_ns_; }
  // It has counted requests of its own.
  bool serves() const { return requests_total_.value_or(0) > 0; }
  bool exited() const { return exited_; }
  bool oom_killed() const { return oom_killed_; }

 private:
  struct Look {
    double t_s, usage, anon;
    std::optional<double> requests;
  };

  using Why = std::string;  // the first condition that fails, "" when all hold

  void AddLook(const Observation& observation, double t_s);
  void AddCensus(const Observation& observation, double t_s);
  bool ResetOnFall(const Look& look);
  void Judge(double now_s);
  Why Failing(double now_s);
  // Growth since the last fall; growth of the floors between falls.
  Why SteadyGrowth(double now_s);
  Why FloorGrowth(double now_s);
  Why LimitIsNear(const std::deque<Look>& looks, double highest);
  Why StillGrowing(double now_s) const;
  Why NotNamed() const;
  // The slope of native memory where that is alive and most of `growth`;
  // since_origin: by the censuses since the last fall too.
  std::optional<Estimate> RisingNative(bool since_origin,
                                       const Estimate& growth) const;
  std::optional<Estimate> NativeSlope(double since_s) const;
  double LeastGain(double first_usage) const;
  bool LoadRises() const;
  bool IsOldEnough(double now_s) const;  // for a page
  void AdvanceSuspicion(double now_s);

  const ImminentThresholds thresholds_;
  const double start_s_;  // 0: not known
  std::deque<Look> looks_;
  std::deque<Look> floors_;     // the first look, then one after each fall
  std::optional<Look> origin_;  // where the watch began, or after a fall
  double highest_ = 0;          // since the origin
  double past_highest_ = 0;     // before the last fall
  TypeWatch types_;
  TypeWatch native_;            // as if it were one type
  std::string native_unknown_;  // why the newest census does not know it
  ImminentFinding finding_;
  // Of the newest snapshot: the last condition fails; no type's objects rise.
  bool nearing_ = false, native_alone_ = false;
  std::optional<double> unnamed_since_s_;
  std::optional<double> suspected_since_s_;
  double last_held_s_ = 0;
  int censuses_at_suspicion_ = 0;
  bool gained_enough_ = false;  // for a page; a suspicion begins earlier
  std::optional<double> requests_total_;  // newest
  int64_t last_seen_ns_ = 0;
  bool exited_ = false;
  bool oom_killed_ = false;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_IMMINENT_WATCH_H_
