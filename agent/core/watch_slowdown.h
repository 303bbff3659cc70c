// What watchpoints cost a process beside their traps. As long as one stands,
// whether it is hit or not, x86 does string instructions (rep movs, rep stos)
// piece by piece: memcpy and memset of some KiB, and the kernel's clearing and
// copying of pages. Measured on AMD: 35 times as long for 4 KiB, five times for
// glibc's memcpy, which has other ways too; 14 % of a loop over json, 1 to 2 %
// of Flask's and Django's.
//
// How much that is of a given process is told by samples of its CPU time: the
// share at a string instruction while a watchpoint stands, beside that while
// none does. What is neither is as fast as ever, so that of CPU time with a
// watchpoint 1 - (1 - with) / (1 - without) is lost.
//
// A value; one thread.
#ifndef PLIMSOLL_AGENT_CORE_WATCH_SLOWDOWN_H_
#define PLIMSOLL_AGENT_CORE_WATCH_SLOWDOWN_H_

#include <algorithm>
#include <cstdint>

#include "agent/core/write_port.h"

namespace plimsoll::core {

class WatchSlowdown {
 public:
  // Once a tick: whether a watchpoint stood since the last one, and the
  // process' samples and CPU time until now (negative: it cannot be read).
  void Tick(bool stood, const CpuSamples& samples, int64_t cpu_ns) {
    const bool known = cpu_ns >= 0 && cpu_ns_ >= 0;
    if (known && stood) watched_ns_ += static_cast<double>(cpu_ns - cpu_ns_);
    Share& share = stood ? with_ : without_;
    share.taken += static_cast<double>(samples.taken - samples_.taken);
    share.in_string +=
        static_cast<double>(samples.in_string - samples_.in_string);
    samples_ = samples;
    cpu_ns_ = cpu_ns;
  }

  // Of CPU time while a watchpoint stands.
  double lost_share() const {
    const double with = (with_.in_string + kAssumedShare * kAssumedSamples) /
                        (with_.taken + kAssumedSamples);
    const double without = without_.taken < kAssumedSamples
                               ? 0
                               : without_.in_string / without_.taken;
    if (without >= 1) return 0;
    return std::clamp(1 - (1 - with) / (1 - without), 0.0, 1.0);
  }
  double lost_ns() const { return lost_share() * watched_ns_; }
  uint64_t samples() const { return samples_.taken; }

 private:
  // Until there are samples, a tenth is taken to be lost.
  static constexpr double kAssumedShare = 0.1;
  static constexpr double kAssumedSamples = 20;

  struct Share {
    double taken = 0;
    double in_string = 0;
  };
  Share with_;
  Share without_;
  CpuSamples samples_;
  int64_t cpu_ns_ = -1;
  double watched_ns_ = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_WATCH_SLOWDOWN_H_
