#include "agent/bpf/thread_events.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::bpf {
namespace {

constexpr size_t kMaxThreads = 4096;

UniqueFd OpenSoftwareEvent(int32_t tid, uint64_t config, uint64_t period) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = config;
  attributes.sample_period = period;
  attributes.sample_type = PERF_SAMPLE_ADDR;
  attributes.inherit = 1;         // threads that it starts ...
  attributes.inherit_thread = 1;  // ... but not processes
  return UniqueFd(static_cast<int>(::syscall(
      SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

absl::StatusOr<ThreadEvent> AttachToThread(const bpf_program* program,
                                           int32_t tid, uint64_t config,
                                           uint64_t period) {
  UniqueFd event = OpenSoftwareEvent(tid, config, period);
  if (!event.valid()) {
    // The thread may have ended since it was listed.
    return absl::ErrnoToStatus(errno == ESRCH ? ENOENT : errno,
                               absl::StrCat("open a perf event tid=", tid));
  }
  errno = 0;
  ThreadEvent attached;
  attached.link.reset(bpf_program__attach_perf_event(program, event.get()));
  if (attached.link == nullptr) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("attach to a perf event tid=", tid));
  }
  attached.fd = event.Release();  // the link owns the event from here
  return attached;
}

absl::StatusOr<std::vector<BpfLink>> AttachToAll(const bpf_program* program,
                                                 int32_t pid, uint64_t config,
                                                 uint64_t period) {
  std::vector<BpfLink> links;
  // One pass: a thread that starts meanwhile inherits the event when its parent
  // had it already, which cannot be told from here, and twice is worse than
  // not at all for the few threads of that millisecond.
  for (const int32_t tid : ListThreads(pid, kMaxThreads)) {
    auto event = AttachToThread(program, tid, config, period);
    if (absl::IsNotFound(event.status())) continue;
    if (!event.ok()) return event.status();
    links.push_back(std::move(event->link));
  }
  if (links.empty()) {
    return absl::NotFoundError(absl::StrCat("pid ", pid, " is gone"));
  }
  return links;
}

}  // namespace

std::vector<int32_t> ListThreads(int32_t pid, size_t most) {
  std::vector<int32_t> threads;
  DIR* directory = ::opendir(absl::StrCat("/proc/", pid, "/task").c_str());
  if (directory == nullptr) return threads;
  while (const dirent* entry = ::readdir(directory)) {
    const int32_t tid = std::atoi(entry->d_name);
    if (tid > 0 && threads.size() < most) threads.push_back(tid);
  }
  ::closedir(directory);
  return threads;
}

absl::StatusOr<ThreadEvent> AttachToThreadFaults(const bpf_program* program,
                                                 int32_t tid, uint64_t period) {
  return AttachToThread(program, tid, PERF_COUNT_SW_PAGE_FAULTS, period);
}

absl::StatusOr<std::vector<BpfLink>> AttachToPageFaults(
    const bpf_program* program, int32_t pid, uint64_t period) {
  return AttachToAll(program, pid, PERF_COUNT_SW_PAGE_FAULTS, period);
}

absl::StatusOr<std::vector<BpfLink>> AttachToCpuTime(const bpf_program* program,
                                                     int32_t pid,
                                                     int64_t period_ns) {
  return AttachToAll(program, pid, PERF_COUNT_SW_TASK_CLOCK,
                     static_cast<uint64_t>(period_ns));
}

}  // namespace plimsoll::bpf
