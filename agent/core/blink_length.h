// For how long the writer of a hot block is left unwatched at a time. In that
// time it is to get through a part of what it does until something is kept:
// less and the watch has gained nothing, more and the block is kept unseen.
// What the right length is the blinks themselves tell: each that was too short
// makes the next one longer, each that was too long shorter.
//
// A value; one thread.
#ifndef PLIMSOLL_AGENT_CORE_BLINK_LENGTH_H_
#define PLIMSOLL_AGENT_CORE_BLINK_LENGTH_H_

#include <algorithm>
#include <cstdint>
#include <random>

namespace plimsoll::core {

class BlinkLength {
 public:
  explicit BlinkLength(uint64_t seed) : random_(seed) {}

  // Spread, so that a pattern in the writes does not meet the same one.
  int64_t DrawNs() {
    std::uniform_real_distribution<double> spread(0.5, 1.5);
    return static_cast<int64_t>(mean_ns_ * spread(random_));
  }
  void WentOn() {
    mean_ns_ = std::min(mean_ns_ * (kept_once_ ? kLonger : kLongerAtFirst),
                        kLongestNs);
  }
  // Kept within sight, after one.
  void Kept() { kept_once_ = true; }
  void KeptUnseen() {
    kept_once_ = true;
    mean_ns_ = std::max(mean_ns_ / 2, kShortestNs);
  }

 private:
  // The kernel takes some microseconds more for each, some tens on a virtual
  // machine; our own thread waits for it.
  static constexpr double kShortestNs = 1'000;
  static constexpr double kLongestNs = 500'000;
  static constexpr double kLonger = 1.25;
  static constexpr double kLongerAtFirst = 2;

  double mean_ns_ = 20'000;
  bool kept_once_ = false;
  std::mt19937_64 random_;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_BLINK_LENGTH_H_
