// Ctrl-C while something is measured: the measurement ends early and what was
// measured is still printed. A second Ctrl-C ends the program at once.
//
// SIGINT and SIGTERM are taken through a signalfd; the object owns it and
// blocks the two signals from construction on, so make it before any thread
// starts. One per process; main thread only.
#ifndef PLIMSOLL_CLI_SESSION_INTERRUPT_H_
#define PLIMSOLL_CLI_SESSION_INTERRUPT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::cli {

// Nanoseconds of CLOCK_BOOTTIME and of CLOCK_REALTIME.
int64_t BoottimeNs();
int64_t UnixNs();

class Interrupt {
 public:
  static absl::StatusOr<Interrupt> Make();

  // Waits until the boot-time deadline; false when interrupted before.
  // Returns at once, false, when it has been interrupted already.
  bool SleepUntil(int64_t deadline_boottime_ns);
  bool SleepFor(int64_t duration_ns);
  // As SleepUntil, and also ends when `fd` is readable (returns true then).
  bool SleepUntilOrReadable(int64_t deadline_boottime_ns, int fd);
  // Whether it has come, without waiting.
  bool Requested();

 private:
  explicit Interrupt(UniqueFd fd) : fd_(std::move(fd)) {}
  void Accept();

  UniqueFd fd_;
  bool requested_ = false;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_SESSION_INTERRUPT_H_
