#include "agent/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

constexpr int kMaxEvents = 64;
constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  std::unique_ptr<EventLoop> loop(new EventLoop);
  loop->epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop->epoll_.valid()) {
    return absl::ErrnoToStatus(errno, "epoll_create1");
  }
  loop->wake_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!loop->wake_.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  EventLoop* self = loop.get();
  PLIMSOLL_RETURN_IF_ERROR(loop->WatchFd(loop->wake_.get(), [self] {
    uint64_t count = 0;
    (void)!::read(self->wake_.get(), &count, sizeof(count));
    self->RunPosted();
  }));
  return loop;
}

absl::Status EventLoop::WatchFd(int fd, std::function<void()> callback) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl add");
  }
  watches_[fd] = std::make_shared<std::function<void()>>(std::move(callback));
  return absl::OkStatus();
}

void EventLoop::UnwatchFd(int fd) {
  if (watches_.erase(fd) != 0) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  }
}

absl::Status EventLoop::WatchSignals(std::initializer_list<int> signals,
                                     std::function<void(int)> callback) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  if (int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return absl::ErrnoToStatus(error, "pthread_sigmask");
  }
  signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return absl::ErrnoToStatus(errno, "signalfd");
  return WatchFd(signals_.get(), [this, callback = std::move(callback)] {
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof(signal)) ==
           static_cast<ssize_t>(sizeof(signal))) {
      callback(static_cast<int>(signal.ssi_signo));
    }
  });
}

int64_t EventLoop::NowNs() const {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

EventLoop::TimerId EventLoop::RunAfter(int64_t delay_ns,
                                       std::function<void()> callback) {
  TimerId id{NowNs() + std::max<int64_t>(delay_ns, 0), ++timer_order_};
  timers_.emplace(id, std::move(callback));
  return id;
}

void EventLoop::Post(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(work));
  }
  uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
}

void EventLoop::Stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
}

void EventLoop::RunPosted() {
  std::vector<std::function<void()>> work;
  {
    std::lock_guard lock(mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

void EventLoop::RunTimers() {
  int64_t now = NowNs();
  // A callback may add or cancel timers: the first is looked up anew.
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto node = timers_.extract(timers_.begin());
    node.mapped()();
  }
}

int EventLoop::TimeoutMs() const {
  if (timers_.empty()) return -1;
  int64_t left = timers_.begin()->first.first - NowNs();
  if (left <= 0) return 0;
  return static_cast<int>(
      std::min<int64_t>((left + kNsPerMs - 1) / kNsPerMs, 60'000));
}

absl::Status EventLoop::Run() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stop_) {
        stop_ = false;
        return absl::OkStatus();
      }
    }
    epoll_event events[kMaxEvents];
    int count = ::epoll_wait(epoll_.get(), events, kMaxEvents, TimeoutMs());
    if (count < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "epoll_wait");
    }
    RunTimers();
    for (int i = 0; i < count; ++i) {
      // A callback before this one may have removed the watch; the shared
      // pointer keeps one alive that removes itself.
      auto watch = watches_.find(events[i].data.fd);
      if (watch == watches_.end()) continue;
      auto callback = watch->second;
      (*callback)();
    }
  }
}

}  // namespace plimsoll::agent
