// Time as the agent's rules see it; tests give their own.
#ifndef PLIMSOLL_AGENT_CORE_CLOCK_H_
#define PLIMSOLL_AGENT_CORE_CLOCK_H_

#include <cstdint>
#include <functional>

namespace plimsoll::core {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t BoottimeNs() const = 0;    // CLOCK_BOOTTIME
  virtual int64_t WallOffsetNs() const = 0;  // unix time - boot time, now
};

// Runs work later on the loop thread.
class Timers {
 public:
  virtual ~Timers() = default;
  virtual void RunAfter(int64_t delay_ns, std::function<void()> work) = 0;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_CLOCK_H_
