#include "agent/self_check_trials.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "agent/bpf/alloc_window.h"
#include "agent/bpf/birth_watch.h"
#include "agent/bpf/gc_probe.h"
#include "agent/bpf/growth_probe.h"
#include "agent/bpf/hit_cost.h"
#include "agent/bpf/kernel_support.h"
#include "agent/bpf/lifecycle_probe.h"
#include "agent/bpf/native_probe.h"
#include "agent/bpf/uprobe_site.h"
#include "agent/host.h"
#include "agent/inspector/blocking_inspector.h"
#include "agent/procfs/proc_root.h"
#include "agent/procfs/surroundings.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::agent {
namespace {

constexpr int64_t kInspectorTimeoutNs = 10'000'000'000;
constexpr uint64_t kWord = 0x706c696d736f6c6c;

// A process that does not want to be read (not dumpable): to read it takes the
// same rights as one of another user. Killed and reaped with this object.
class ProtectedChild {
 public:
  ProtectedChild() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::prctl(PR_SET_DUMPABLE, 0);
      static_cast<void>(::write(writing.get(), "x", 1));
      for (;;) ::pause();
    }
    writing.Reset();
    char ready = 0;
    if (pid_ > 0 && ::read(reading.get(), &ready, 1) != 1) End();
  }
  ~ProtectedChild() { End(); }
  ProtectedChild(const ProtectedChild&) = delete;
  ProtectedChild& operator=(const ProtectedChild&) = delete;
  int pid() const { return pid_; }

 private:
  void End() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  int pid_ = -1;
};

// The child has the same word at the same address.
volatile uint64_t word = kWord;

absl::Status ReadWord(int pid) {
  uint64_t copy = 0;
  iovec here = {&copy, sizeof(copy)};
  iovec there = {const_cast<uint64_t*>(&word), sizeof(copy)};
  errno = 0;
  if (::process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(copy) &&
      copy == kWord) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno != 0 ? errno : EIO,
                             "process_vm_readv of a protected process");
}

absl::Status OpenMappedFile(int pid, const std::vector<core::Mapping>& maps) {
  for (const core::Mapping& mapping : maps) {
    if (mapping.inode == 0) continue;
    char path[96];
    std::snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", pid,
                  static_cast<unsigned long>(mapping.start),
                  static_cast<unsigned long>(mapping.end));
    const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
    if (file.valid()) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, "open a file in /proc/PID/map_files");
  }
  return absl::NotFoundError("no file is mapped");
}

// Of no mode at all: only a capability opens it a second time.
absl::Status OpenClosedFile() {
  const UniqueFd file(::memfd_create("plimsoll-check", MFD_CLOEXEC));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "memfd_create");
  if (::fchmod(file.get(), 0) != 0) return absl::ErrnoToStatus(errno, "fchmod");
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  const UniqueFd again(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (again.valid()) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "open a file that is closed to all");
}

absl::Status AskInspector(int pid) {
  auto inspector = inspector::BlockingInspector::Make(
      {.request_timeout_ns = kInspectorTimeoutNs});
  if (!inspector.ok()) return inspector.status();
  auto answer = (*inspector)->Identify(pid);
  // That the child is no Python is what a working one finds out.
  if (answer.ok() || absl::IsNotFound(answer.status())) return absl::OkStatus();
  return answer.status();
}

void TryReading(SelfCheckFacts& facts) {
  core::Trials& trials = facts.trials;
  const ProtectedChild child;
  if (child.pid() <= 0) {
    trials.read_process = trials.read_memory = trials.mapped_files =
        absl::UnavailableError("a child could not be started");
    return;
  }
  auto maps = procfs::ProcRoot().ReadMaps(child.pid());
  trials.read_process = maps.status();
  trials.mapped_files =
      maps.ok() ? OpenMappedFile(child.pid(), *maps) : maps.status();
  trials.read_memory = ReadWord(child.pid());
  trials.inspector = AskInspector(child.pid());
  trials.closed_files = OpenClosedFile();
  if (!facts.surroundings.cgroup_v1 && !facts.surroundings.cgroup_v2) {
    trials.cgroup_limits = absl::NotFoundError(
        "no cgroup hierarchy with a memory controller is mounted here");
  }
}

void TryProbes(core::Trials& trials) {
  const bpf::KernelSupport kernel = bpf::KernelSupport::Detect();
  if (!kernel.bpf()) {
    trials.load_bpf = absl::PermissionDeniedError(kernel.bpf_refusal);
    return;
  }
  if (const auto rung = kernel.Rung(); rung.ok()) {
    trials.uprobe_rung = bpf::UprobeRungName(*rung);
  }
  trials.uprobes = bpf::CalibrateHitCosts(kernel).status();
  trials.gc_probe = bpf::GcProbe::Create(kernel).status();
  trials.windows = bpf::AllocProbe::Create(kernel).status();
  trials.births = bpf::BirthProbe::Create(kernel).status();
  trials.page_faults = bpf::GrowthProbe::Create(kernel).status();
  trials.native = bpf::NativeProbe::Create(kernel).status();
  trials.lifecycle = bpf::LifecycleProbe::Create(kernel).status();
  if (!kernel.page_fault_refusal.empty()) {
    trials.page_faults = trials.native =
        absl::PermissionDeniedError(kernel.page_fault_refusal);
  }
}

}  // namespace

SelfCheckFacts TryEverything() {
  SelfCheckFacts facts;
  facts.surroundings = procfs::ReadSurroundings();
  facts.surroundings.kernel = KernelRelease();
  TryReading(facts);
  TryProbes(facts.trials);
  return facts;
}

}  // namespace plimsoll::agent
