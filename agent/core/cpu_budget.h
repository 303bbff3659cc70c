// CpuBudget keeps the agent's own CPU use under a share of one core, as a
// bucket that fills with time and is emptied by what was really used. Work may
// begin while the bucket holds anything and may overdraw it: an expensive heap
// is then looked at less often, not cut short. Pure; one thread.
#ifndef PLIMSOLL_AGENT_CORE_CPU_BUDGET_H_
#define PLIMSOLL_AGENT_CORE_CPU_BUDGET_H_

#include <algorithm>
#include <cstdint>

namespace plimsoll::core {

class CpuBudget {
 public:
  // `share` of one core, such as 0.05. What is saved up is bounded by
  // `burst_ns` of CPU, so that an idle hour does not buy a busy minute.
  CpuBudget(double share, int64_t burst_ns)
      : share_(share), burst_ns_(burst_ns), balance_ns_(burst_ns) {}

  // `cpu_ns`: used by the agent and its child in all so far.
  void Update(int64_t now_ns, int64_t cpu_ns) {
    if (started_) {
      double earned = share_ * static_cast<double>(now_ns - last_now_ns_);
      balance_ns_ += static_cast<int64_t>(earned);
      balance_ns_ -= std::max<int64_t>(cpu_ns - last_cpu_ns_, 0);
      balance_ns_ = std::min(balance_ns_, burst_ns_);
    }
    started_ = true;
    last_now_ns_ = now_ns;
    last_cpu_ns_ = cpu_ns;
  }

  bool MayBegin() const { return balance_ns_ > 0; }
  int64_t balance_ns() const { return balance_ns_; }

 private:
  double share_;
  int64_t burst_ns_;
  int64_t balance_ns_;
  bool started_ = false;
  int64_t last_now_ns_ = 0;
  int64_t last_cpu_ns_ = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_CPU_BUDGET_H_
