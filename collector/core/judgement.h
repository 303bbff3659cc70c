// The full judgement of one process' anonymous memory: leak-analysis 2.3, steps
// 1, 2, 5-8, 10 and 11, over the windows of step 12. One look back from `now`;
// whether it stood two windows in a row is Confirmations' to say. Pure.
//
// Not done here: operational time and the model's covariates (steps 3 and 4),
// the past-maximum filter (9) and multiplicity (13).
#ifndef PLIMSOLL_COLLECTOR_CORE_JUDGEMENT_H_
#define PLIMSOLL_COLLECTOR_CORE_JUDGEMENT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/fleet.h"
#include "collector/core/incident.h"
#include "collector/core/thresholds.h"
#include "collector/core/verdict.h"

namespace plimsoll::collector {

struct ProcessJudgement {
  bool grows = false;  // a slope, its interval, and still growing
  bool page = false;
  bool ticket = false;
  Estimate bytes_per_s;
  double z = 0;
  double window_s = 0;  // of the samples used
  double short_window_s = 0;
  int blocks = 0;
  std::optional<TimeToLimit> time_to_limit;
  std::string why_not;  // the first condition that fails in the last window
};

struct JudgementInput {
  std::vector<Sample> anon;                        // one epoch, in time order
  std::optional<double> usage_bytes, limit_bytes;  // newest, of the cgroup
  std::optional<double> node_available_bytes;      // used where no limit is set
};

// The most urgent of the windows of one hour, six and twenty-four; a history
// shorter than a window is judged on what there is, from a quarter of it on.
ProcessJudgement JudgeProcess(const JudgementInput& input,
                              const JudgementThresholds& thresholds,
                              int64_t now_ns);

// Two windows in a row: a judgement counts once it has stood, at each look,
// for a short window.
class Confirmations {
 public:
  // True when it stands. A judgement that does not grow starts over.
  bool Add(ProcessKey process, const ProcessJudgement& judgement,
           int64_t now_ns);
  void Forget(int64_t not_added_since_ns);

 private:
  struct Standing {
    int64_t since_ns, last_ns;
  };
  std::map<ProcessKey, Standing> standing_;
};

// The cause by the shares of growth; kLeak where they are not known.
Verdict CauseOf(const GrowthShares& shares, const CauseThresholds& thresholds);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_JUDGEMENT_H_
