#include "collector/core/growth/trends_by_workload.h"

namespace plimsoll::collector {

const std::vector<ProcessTrend>& Of(const TrendsByWorkload& trends,
                                    const WorkloadName& workload) {
  static const std::vector<ProcessTrend> kNone;
  const auto at = trends.find(workload);
  return at == trends.end() ? kNone : at->second;
}

std::vector<ProcessTrend> Elsewhere(const TrendsByWorkload& trends,
                                    const WorkloadName& workload) {
  std::vector<ProcessTrend> out;
  for (const auto& [name, mine] : trends) {
    if (name == workload || !SameService(name, workload)) continue;
    out.insert(out.end(), mine.begin(), mine.end());
  }
  return out;
}

}  // namespace plimsoll::collector
