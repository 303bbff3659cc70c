#include "agent/bpf/fault_cost.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "agent/bpf/thread_clock.h"
#include "agent/bpf/thread_events.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::bpf {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kPagesPerBatch = 128;
constexpr size_t kBytes = kPagesPerBatch * kPageBytes;
constexpr int kPairs = 31;

// Private anonymous memory of small pages, given back at the end.
class FreshMemory {
 public:
  FreshMemory()
      : start_(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    // Refused where the kernel knows no huge pages.
    if (mapped()) (void)::madvise(start_, kBytes, MADV_NOHUGEPAGE);
  }
  ~FreshMemory() {
    if (mapped()) ::munmap(start_, kBytes);
  }
  FreshMemory(const FreshMemory&) = delete;
  FreshMemory& operator=(const FreshMemory&) = delete;

  bool mapped() const { return start_ != MAP_FAILED; }
  // CPU time of this thread for each page that it touches first.
  double TouchNs() {
    (void)::madvise(start_, kBytes, MADV_DONTNEED);
    auto* bytes = static_cast<volatile char*>(start_);
    const int64_t begin = ThreadCpuNs();
    for (size_t at = 0; at < kBytes; at += kPageBytes) bytes[at] = 1;
    return static_cast<double>(ThreadCpuNs() - begin) / kPagesPerBatch;
  }

 private:
  void* const start_;
};

}  // namespace

absl::StatusOr<double> MeasureFaultNs(const bpf_program* program) {
  FreshMemory memory;
  if (!memory.mapped()) {
    return absl::ErrnoToStatus(errno, "map pages to measure page faults");
  }
  PLIMSOLL_ASSIGN_OR_RETURN(
      const ThreadEvent event,
      AttachToThreadFaults(program, static_cast<int32_t>(::gettid()), 1));
  std::array<double, kPairs> extra = {};
  for (double& ns : extra) {
    if (::ioctl(event.fd, PERF_EVENT_IOC_DISABLE, 0) != 0) {
      return absl::ErrnoToStatus(errno, "disable a page-fault event");
    }
    const double bare_ns = memory.TouchNs();
    if (::ioctl(event.fd, PERF_EVENT_IOC_ENABLE, 0) != 0) {
      return absl::ErrnoToStatus(errno, "enable a page-fault event");
    }
    ns = memory.TouchNs() - bare_ns;
  }
  const auto median = extra.begin() + kPairs / 2;
  std::nth_element(extra.begin(), median, extra.end());
  uint64_t faults = 0;
  if (::read(event.fd, &faults, sizeof(faults)) != sizeof(faults)) {
    return absl::ErrnoToStatus(errno, "read a page-fault event");
  }
  if (faults < kPairs * kPagesPerBatch) {
    return absl::InternalError(absl::StrCat("the event saw ", faults, " of ",
                                            kPairs * kPagesPerBatch,
                                            " page faults"));
  }
  return std::max(*median, 1.0);  // 0 is "not known" to those who ask
}

}  // namespace plimsoll::bpf
