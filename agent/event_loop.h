// EventLoop is the agent's one thread: epoll over file descriptors, timers,
// signals and work posted by other threads. Owned by main. Everything but
// Post() and Stop() is called on the loop's thread.
#ifndef PLIMSOLL_AGENT_EVENT_LOOP_H_
#define PLIMSOLL_AGENT_EVENT_LOOP_H_

#include <csignal>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::agent {

class EventLoop {
 public:
  using TimerId = std::pair<int64_t, uint64_t>;  // deadline, order

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // `callback` runs while `fd` is readable, or has hung up.
  absl::Status WatchFd(int fd, std::function<void()> callback);
  void UnwatchFd(int fd);
  // Signals must be blocked in every thread: call before any is started.
  absl::Status WatchSignals(std::initializer_list<int> signals,
                            std::function<void(int)> callback);

  // On CLOCK_BOOTTIME, like all times of the agent.
  TimerId RunAfter(int64_t delay_ns, std::function<void()> callback);
  void Cancel(TimerId timer) { timers_.erase(timer); }
  int64_t NowNs() const;

  // From any thread: runs `work` on the loop, in order.
  void Post(std::function<void()> work);
  // From any thread; Run() returns after the callback that is running.
  void Stop();

  absl::Status Run();

 private:
  EventLoop() = default;
  void RunTimers();
  void RunPosted();
  int TimeoutMs() const;

  UniqueFd epoll_;
  UniqueFd wake_;     // eventfd
  UniqueFd signals_;  // signalfd
  std::map<int, std::shared_ptr<std::function<void()>>> watches_;
  std::map<TimerId, std::function<void()>> timers_;
  uint64_t timer_order_ = 0;

  std::mutex mutex_;  // guards what follows
  std::vector<std::function<void()>> posted_;
  bool stop_ = false;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_EVENT_LOOP_H_
