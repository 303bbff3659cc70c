#include "cli/session/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace plimsoll::cli {
namespace {

int64_t Now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

sigset_t EndSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

int64_t BoottimeNs() { return Now(CLOCK_BOOTTIME); }
int64_t UnixNs() { return Now(CLOCK_REALTIME); }

absl::StatusOr<Interrupt> Interrupt::Make() {
  const sigset_t set = EndSignals();
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) {
    return absl::InternalError("cannot block SIGINT");
  }
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "signalfd");
  return Interrupt(std::move(fd));
}

// From here on a second signal has its default effect again.
void Interrupt::Accept() {
  requested_ = true;
  signalfd_siginfo info;
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
  }
  const sigset_t set = EndSignals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool Interrupt::SleepUntil(int64_t deadline_boottime_ns) {
  return SleepUntilOrReadable(deadline_boottime_ns, -1);
}

bool Interrupt::SleepUntilOrReadable(int64_t deadline_boottime_ns, int fd) {
  while (!requested_) {
    const int64_t left_ns =
        std::max<int64_t>(0, deadline_boottime_ns - BoottimeNs());
    // A negative descriptor is skipped by poll.
    std::array<pollfd, 2> fds = {{{fd_.get(), POLLIN, 0}, {fd, POLLIN, 0}}};
    const timespec timeout = {static_cast<time_t>(left_ns / 1000000000),
                              static_cast<long>(left_ns % 1000000000)};
    const int ready = ::ppoll(fds.data(), fds.size(), &timeout, nullptr);
    if (ready < 0 && errno != EINTR) break;
    if (ready > 0 && fds[0].revents != 0) {
      Accept();
      break;
    }
    if (ready > 0 && fds[1].revents != 0) return true;
    if (ready == 0 && left_ns == 0) return true;
  }
  return !requested_;
}

bool Interrupt::SleepFor(int64_t duration_ns) {
  return SleepUntil(BoottimeNs() + duration_ns);
}

bool Interrupt::Requested() {
  if (!requested_) SleepUntil(0);
  return requested_;
}

}  // namespace plimsoll::cli
