// How many hits a target may take in a short time: a bucket of `burst`, filled
// again at `per_s`. Watchpoints on a word that is written all the time slow
// their thread several times over; with this for some tens of milliseconds at a
// time. What is asked of it is past a limit only by what came in one Tick.
//
// A value; one thread.
#ifndef PLIMSOLL_AGENT_CORE_HIT_ALLOWANCE_H_
#define PLIMSOLL_AGENT_CORE_HIT_ALLOWANCE_H_

#include <algorithm>
#include <cstdint>

namespace plimsoll::core {

// At 5 to 20 us a hit: 10 to 40 ms at a stretch, and 5 to 20 % of a core in a
// second of nothing else. Four times such a stretch, as far apart, where less
// was seen to give nothing.
struct HitPace {
  double burst = 2'000;
  double per_s = 10'000;
  double widest_burst = 8'000;
};

class HitAllowance {
 public:
  HitAllowance(const HitPace& pace, int64_t now_ns)
      : pace_(pace),
        short_stretch_(pace.burst),
        left_(pace.burst),
        at_ns_(now_ns) {}

  void Spend(uint64_t hits, int64_t now_ns) {
    const double seconds = static_cast<double>(now_ns - at_ns_) / 1e9;
    left_ = std::min(pace_.burst, left_ + seconds * pace_.per_s) -
            static_cast<double>(hits);
    at_ns_ = now_ns;
    if (hits == 0) return;
    if (now_ns - written_ns_ > kStretchNs) began_ns_ = now_ns;
    written_ns_ = now_ns;
  }
  // A stretch too short to slow anybody may take as much again as a burst had
  // at first.
  bool spent() const {
    const bool long_stretch = written_ns_ - began_ns_ >= kStretchNs;
    return left_ < (long_stretch ? 0 : -short_stretch_);
  }
  // From here on twice as many at a stretch, up to the widest; never more in
  // the long run.
  void Widen() {
    pace_.burst =
        std::max(pace_.burst, std::min(2 * pace_.burst, pace_.widest_burst));
  }
  // When all of a burst may be taken again, if none is taken until then.
  int64_t FullAtNs() const {
    return at_ns_ +
           static_cast<int64_t>((pace_.burst - left_) / pace_.per_s * 1e9);
  }

 private:
  static constexpr int64_t kStretchNs = 20'000'000;

  HitPace pace_;
  const double short_stretch_;
  double left_;
  int64_t at_ns_;
  int64_t began_ns_ = 0;  // the present stretch of hits
  int64_t written_ns_ = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_HIT_ALLOWANCE_H_
