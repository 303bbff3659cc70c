#include "agent/inspector/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "agent/inspector/resident_pages.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::inspector {
namespace {

// AddressSanitizer reserves terabytes of address space for its shadow, and
// UndefinedBehaviorSanitizer tries addresses by writing them to a pipe.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

absl::Status Limit(__rlimit_resource resource, rlim_t value,
                   std::string_view name) {
  const rlimit limit{value, value};
  if (::setrlimit(resource, &limit) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("setrlimit ", std::string(name)));
  }
  return absl::OkStatus();
}

absl::Status SetLimits(uint64_t memory_limit_bytes) {
  PLIMSOLL_RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0, "CORE"));
  PLIMSOLL_RETURN_IF_ERROR(Limit(RLIMIT_FSIZE, 0, "FSIZE"));
  PLIMSOLL_RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, 64, "NOFILE"));
  if (memory_limit_bytes > 0 && !kSanitized) {
    PLIMSOLL_RETURN_IF_ERROR(Limit(RLIMIT_AS, memory_limit_bytes, "AS"));
  }
  return absl::OkStatus();
}

// Of root's capabilities only those that reading other processes needs.
absl::Status DropCapabilities() {
  constexpr int kCheckpointRestore = 40;  // Linux 5.9: /proc/PID/map_files
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) {
    return absl::ErrnoToStatus(errno, "capget");
  }
  const uint32_t low = 1u << CAP_SYS_PTRACE | 1u << CAP_DAC_READ_SEARCH;
  const uint32_t high = 1u << (kCheckpointRestore - 32);
  data[0].permitted &= low;
  data[1].permitted &= high;
  for (__user_cap_data_struct& d : data) {
    d.effective = d.permitted;
    d.inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) != 0) {
    return absl::ErrnoToStatus(errno, "capset");
  }
  return absl::OkStatus();
}

struct ReleaseFilter {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter =
    std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, ReleaseFilter>;

// Without arguments to check.
constexpr int kAllowed[] = {
    // memory of the target and files, read only
    SCMP_SYS(process_vm_readv), SCMP_SYS(read), SCMP_SYS(readv),
    SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(lseek), SCMP_SYS(close),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64), SCMP_SYS(fcntl), SCMP_SYS(fadvise64),
    // memory of our own
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    // the C library's own needs
    SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getrandom),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack), SCMP_SYS(sysinfo) /* qsort */, SCMP_SYS(exit),
    SCMP_SYS(exit_group)};

int AddRules(scmp_filter_ctx filter, int channel_fd) {
  for (const int call : kAllowed) {
    if (const int e = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) {
      return e;
    }
  }
  if (kSanitized) {
    for (const int call : {SCMP_SYS(pipe2), SCMP_SYS(pipe), SCMP_SYS(write)}) {
      if (const int e = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) {
        return e;
      }
    }
  }
  const auto fd = static_cast<scmp_datum_t>(channel_fd);
  constexpr scmp_datum_t kWriting =
      O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
  struct Rule {
    int call;
    scmp_arg_cmp check;
  };
  const Rule rules[] = {
      {SCMP_SYS(write), SCMP_A0(SCMP_CMP_EQ, fd, 0)},
      {SCMP_SYS(write), SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0)},
      {SCMP_SYS(sendto), SCMP_A0(SCMP_CMP_EQ, fd, 0)},
      {SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)},
      {SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)},
      {SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
      {SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
      {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, kPagemapScan, 0)},
      // abort() of our own process.
      {SCMP_SYS(tgkill),
       SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0)},
  };
  for (const Rule& rule : rules) {
    if (const int e = ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, rule.call, 1,
                                         rule.check)) {
      return e;
    }
  }
  return 0;
}

absl::Status LoadFilter(int channel_fd) {
  const Filter filter(::seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (!filter) return absl::InternalError("seccomp_init failed");
  if (const int e = AddRules(filter.get(), channel_fd)) {
    return absl::ErrnoToStatus(-e, "add a seccomp rule");
  }
  if (const int e = ::seccomp_load(filter.get())) {
    return absl::ErrnoToStatus(-e, "load the seccomp filter");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterSandbox(const SandboxOptions& options, int channel_fd) {
  if (options.parent_pid > 0) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
      return absl::ErrnoToStatus(errno, "PR_SET_PDEATHSIG");
    }
    // It may have ended before we asked.
    if (::getppid() != options.parent_pid) {
      return absl::CancelledError("the parent has ended");
    }
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return absl::ErrnoToStatus(errno, "PR_SET_NO_NEW_PRIVS");
  }
  PLIMSOLL_RETURN_IF_ERROR(DropCapabilities());
  PLIMSOLL_RETURN_IF_ERROR(SetLimits(options.memory_limit_bytes));
  return LoadFilter(channel_fd);
}

}  // namespace plimsoll::inspector
