#include "agent/bpf/thread_watchpoints.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/bpf/thread_clock.h"
#include "agent/bpf/thread_events.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::bpf {
namespace {

constexpr int kTrapBatches = 15;
constexpr int kTrapsPerBatch = 16;

perf_event_attr Attributes(uint64_t address, bool disabled) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_BREAKPOINT;
  attributes.bp_type = HW_BREAKPOINT_W;
  attributes.bp_addr = address;
  attributes.bp_len = HW_BREAKPOINT_LEN_8;
  attributes.sample_period = 1;
  attributes.sample_type = PERF_SAMPLE_ADDR;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  attributes.disabled = disabled ? 1 : 0;
  attributes.inherit = 1;         // threads that it starts ...
  attributes.inherit_thread = 1;  // ... but not processes
  attributes.remove_on_exec = 1;  // another program's addresses
  return attributes;
}

absl::StatusOr<UniqueFd> OpenOne(int32_t tid, int program_fd) {
  // Disabled: any address of user space will do.
  perf_event_attr attributes = Attributes(0x1000, true);
  UniqueFd event(static_cast<int>(::syscall(
      SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event.valid()) {
    if (errno == ESRCH) return absl::NotFoundError("the thread has ended");
    return absl::FailedPreconditionError(absl::StrCat(
        "no debug register is free (a debugger attached?), or this machine "
        "offers none: errno ",
        errno));
  }
  if (::ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program_fd) != 0) {
    return absl::ErrnoToStatus(errno, "attach to a watchpoint");
  }
  return event;
}

}  // namespace

absl::StatusOr<ThreadWatchpoints> ThreadWatchpoints::Open(int32_t pid,
                                                          int program_fd) {
  const std::vector<int32_t> threads = ListThreads(pid, kMostThreads + 1);
  if (threads.size() > kMostThreads) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kMostThreads,
                     " threads: watchpoints on each would cost too much"));
  }
  ThreadWatchpoints watchpoints;
  for (const int32_t tid : threads) {
    auto event = OpenOne(tid, program_fd);
    if (absl::IsNotFound(event.status())) continue;
    if (!event.ok()) return event.status();
    watchpoints.events_.push_back({tid, *std::move(event)});
  }
  if (watchpoints.events_.empty()) {
    return absl::NotFoundError(absl::StrCat("pid ", pid, " is gone"));
  }
  return watchpoints;
}

absl::Status ThreadWatchpoints::Move(uint64_t address) {
  perf_event_attr attributes = Attributes(address, false);
  size_t moved = 0;
  int error = ESRCH;
  for (const OfThread& of : events_) {
    if (::ioctl(of.event.get(), PERF_EVENT_IOC_MODIFY_ATTRIBUTES,
                &attributes) == 0) {
      ++moved;
    } else {
      error = errno;  // its thread may have ended
    }
  }
  if (moved > 0) return absl::OkStatus();
  if (error == ESRCH) return absl::NotFoundError("no thread is left");
  return absl::ErrnoToStatus(error, "move a watchpoint");
}

void ThreadWatchpoints::Disable() {
  for (const OfThread& of : events_) {
    // Of a thread that has ended there is nothing left to disable.
    static_cast<void>(::ioctl(of.event.get(), PERF_EVENT_IOC_DISABLE, 0));
  }
}

absl::StatusOr<bool> ThreadWatchpoints::Blink(int32_t tid, int64_t ns) const {
  const auto of =
      std::find_if(events_.begin(), events_.end(),
                   [tid](const OfThread& each) { return each.tid == tid; });
  if (of == events_.end() ||
      ::ioctl(of->event.get(), PERF_EVENT_IOC_DISABLE, 0) != 0) {
    return false;
  }
  // Shorter than what a sleep is late by.
  const int64_t begin = MonotonicNs();
  int64_t waited = 0;
  while (waited < ns) waited = MonotonicNs() - begin;
  if (::ioctl(of->event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) {
    return absl::ErrnoToStatus(errno, "enable a watchpoint again");
  }
  return true;
}

absl::StatusOr<uint64_t> ThreadWatchpoints::Writes() const {
  uint64_t writes = 0;
  for (const OfThread& of : events_) {
    uint64_t of_thread = 0;
    if (::read(of.event.get(), &of_thread, sizeof(of_thread)) !=
        static_cast<ssize_t>(sizeof(of_thread))) {
      return absl::DataLossError("a watchpoint's count cannot be read");
    }
    writes += of_thread;
  }
  return writes;
}

int64_t ProcessCpuNs(int32_t pid) {
  clockid_t clock = 0;
  timespec taken{};
  if (::clock_getcpuclockid(pid, &clock) != 0 ||
      ::clock_gettime(clock, &taken) != 0) {
    return -1;
  }
  return int64_t{taken.tv_sec} * 1'000'000'000 + taken.tv_nsec;
}

absl::StatusOr<double> MeasureTrapNs(int program_fd) {
  alignas(8) volatile uint64_t word = 0;
  PLIMSOLL_ASSIGN_OR_RETURN(ThreadWatchpoints watchpoint,
                            ThreadWatchpoints::Open(::getpid(), program_fd));
  PLIMSOLL_RETURN_IF_ERROR(watchpoint.Move(reinterpret_cast<uint64_t>(&word)));
  std::array<int64_t, kTrapBatches> batches = {};
  for (int64_t& took : batches) {
    const int64_t begin = ThreadCpuNs();
    for (int i = 0; i < kTrapsPerBatch; ++i) word = static_cast<uint64_t>(i);
    took = ThreadCpuNs() - begin;
  }
  const auto median = batches.begin() + kTrapBatches / 2;
  std::nth_element(batches.begin(), median, batches.end());
  return static_cast<double>(*median) / kTrapsPerBatch;
}

}  // namespace plimsoll::bpf
