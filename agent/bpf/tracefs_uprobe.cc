#include "agent/bpf/tracefs_uprobe.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/bpf/tracefs_text.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::bpf {
namespace {

constexpr const char* kMounts[] = {"/sys/kernel/tracing",
                                   "/sys/kernel/debug/tracing"};
constexpr int kLockTries = 200;
constexpr std::chrono::milliseconds kLockPause{5};

// Two programs never have the same: PID namespaces do not tell theirs apart.
std::string UniqueName(const std::string& tracefs) {
  static std::atomic<uint64_t> serial = 0;
  std::string name;
  do {
    name = absl::StrCat("p", ::getpid(), "_", ++serial);
  } while (
      ::access(
          absl::StrCat(tracefs, "/events/", kTracefsGroup, "/", name).c_str(),
          F_OK) == 0);
  return name;
}

// uprobe_events, locked among our programs until closed.
absl::StatusOr<UniqueFd> LockEvents(const std::string& tracefs) {
  const std::string path = tracefs + "/uprobe_events";
  // O_APPEND: without it the kernel removes everybody's lines.
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "open " + path);
  // It is held for a few system calls; not for ever where its owner is stopped.
  for (int i = 0; i < kLockTries; ++i) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    std::this_thread::sleep_for(kLockPause);
  }
  return absl::UnavailableError("another plimsoll holds the lock on " + path);
}

absl::Status WriteLine(const UniqueFd& events, const std::string& line) {
  if (::write(events.get(), line.data(), line.size()) ==
      static_cast<ssize_t>(line.size())) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("write uprobe_events: ", line));
}

absl::StatusOr<uint64_t> ReadEventId(const std::string& tracefs,
                                     const std::string& name) {
  const std::string path =
      absl::StrCat(tracefs, "/events/", kTracefsGroup, "/", name, "/id");
  std::ifstream file(path);
  uint64_t id = 0;
  if (!(file >> id)) return absl::NotFoundError("read " + path);
  return id;
}

absl::StatusOr<UniqueFd> OpenEvent(uint64_t id, int32_t pid) {
  perf_event_attr attributes = {};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = id;
  attributes.sample_period = 1;
  attributes.wakeup_events = 1;
  UniqueFd event(static_cast<int>(::syscall(
      SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (event.valid()) return event;
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("open tracefs uprobe pid=", pid));
}

absl::StatusOr<BpfLink> LinkEvent(bpf_program* program, UniqueFd event,
                                  const UprobeSite& site) {
  LIBBPF_OPTS(bpf_perf_event_opts, options);
  options.bpf_cookie = site.cookie;
  errno = 0;
  BpfLink link(
      bpf_program__attach_perf_event_opts(program, event.get(), &options));
  if (link == nullptr) {
    return absl::ErrnoToStatus(errno, "attach program to tracefs uprobe");
  }
  (void)event.Release();  // the link closes it
  return link;
}

}  // namespace

absl::StatusOr<std::string> TracefsUprobe::FindTracefs() {
  int error = ENOENT;
  for (const char* mount : kMounts) {
    const std::string events = absl::StrCat(mount, "/uprobe_events");
    if (::access(events.c_str(), W_OK) == 0) return std::string(mount);
    if (errno != ENOENT) error = errno;
  }
  if (error == ENOENT) {
    return absl::NotFoundError(
        absl::StrCat("tracefs is not mounted at ", kMounts[0]));
  }
  return absl::ErrnoToStatus(error, absl::StrCat(kMounts[0], "/uprobe_events"));
}

absl::StatusOr<int> TracefsUprobe::RemoveLeftovers() {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string tracefs, FindTracefs());
  PLIMSOLL_ASSIGN_OR_RETURN(const UniqueFd events, LockEvents(tracefs));
  std::ifstream file(tracefs + "/uprobe_events");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  int removed = 0;
  for (const std::string& name : TracefsNames(text)) {
    // EBUSY: somebody's perf event is open on it.
    removed += WriteLine(events, TracefsRemoval(name)).ok();
  }
  return removed;
}

absl::StatusOr<TracefsUprobe> TracefsUprobe::Attach(
    bpf_program* program, const std::string& open_path, int32_t pid,
    const UprobeSite& site, bool at_return) {
  PLIMSOLL_ASSIGN_OR_RETURN(const std::string tracefs, FindTracefs());
  // By descriptor: the line has no way to write a path with a blank or a colon.
  const UniqueFd object(::open(open_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!object.valid()) return absl::ErrnoToStatus(errno, "open " + open_path);
  const std::string path = absl::StrCat("/proc/self/fd/", object.get());
  PLIMSOLL_ASSIGN_OR_RETURN(const UniqueFd events, LockEvents(tracefs));
  const std::string name = UniqueName(tracefs);
  PLIMSOLL_RETURN_IF_ERROR(
      WriteLine(events, TracefsLine(name, path, site, at_return)));
  TracefsUprobe probe(nullptr, name);  // removes the line where a step fails
  PLIMSOLL_ASSIGN_OR_RETURN(const uint64_t id, ReadEventId(tracefs, name));
  PLIMSOLL_ASSIGN_OR_RETURN(UniqueFd event, OpenEvent(id, pid));
  PLIMSOLL_ASSIGN_OR_RETURN(probe.link_,
                            LinkEvent(program, std::move(event), site));
  return probe;
}

TracefsUprobe::TracefsUprobe(TracefsUprobe&& other) noexcept
    : link_(std::move(other.link_)), name_(std::exchange(other.name_, "")) {}

TracefsUprobe& TracefsUprobe::operator=(TracefsUprobe&& other) noexcept {
  if (this != &other) {
    Detach();
    link_ = std::move(other.link_);
    name_ = std::exchange(other.name_, "");
  }
  return *this;
}

void TracefsUprobe::Detach() {
  if (name_.empty()) return;
  link_.reset();
  const absl::StatusOr<std::string> tracefs = FindTracefs();
  if (!tracefs.ok()) return;
  // No lock: a line of ours that somebody else removed as a leftover is gone.
  const UniqueFd events(::open((*tracefs + "/uprobe_events").c_str(),
                               O_WRONLY | O_APPEND | O_CLOEXEC));
  if (events.valid()) {
    (void)WriteLine(events, TracefsRemoval(name_));
  }
  name_.clear();
}

}  // namespace plimsoll::bpf
