#include "agent/bpf/uprobe_link.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/bpf_events.h"

namespace plimsoll::bpf {
namespace {

// BPF_LINK_CREATE with uprobe_multi (include/uapi/linux/bpf.h of 6.6 and up).
struct UprobeMultiAttributes {
  uint32_t program_fd;
  uint32_t target_fd;
  uint32_t attach_type;
  uint32_t flags;
  uint64_t path;
  uint64_t offsets;
  uint64_t semaphore_offsets;
  uint64_t cookies;
  uint32_t count;
  uint32_t multi_flags;
  uint32_t pid;
  uint32_t padding;
};
static_assert(offsetof(UprobeMultiAttributes, path) == 16);
static_assert(offsetof(UprobeMultiAttributes, pid) == 56);
constexpr uint32_t kUprobeMultiReturn = 1;
constexpr int kLastRegister = 15;

absl::StatusOr<BpfLink> AttachPerf(bpf_program* program,
                                   const std::string& path, int32_t pid,
                                   const UprobeSite& site, bool at_return) {
  LIBBPF_OPTS(bpf_uprobe_opts, options);
  options.bpf_cookie = site.cookie;
  options.ref_ctr_offset = site.semaphore_offset;
  options.retprobe = at_return;
  errno = 0;
  BpfLink link(bpf_program__attach_uprobe_opts(program, pid, path.c_str(),
                                               site.file_offset, &options));
  if (link == nullptr) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("attach perf uprobe pid=", pid, " file=", path,
                            " offset=", site.file_offset));
  }
  return link;
}

}  // namespace

const char* UprobeRungName(UprobeRung rung) {
  switch (rung) {
    case UprobeRung::kUprobeMulti:
      return "uprobe_multi";
    case UprobeRung::kTracefs:
      return "tracefs";
    case UprobeRung::kPerf:
      return "perf";
  }
  return "unknown";
}

void PrepareForRung(bpf_program* program, UprobeRung rung) {
  if (rung != UprobeRung::kUprobeMulti) return;
  bpf_program__set_expected_attach_type(
      program, static_cast<enum bpf_attach_type>(kTraceUprobeMulti));
}

absl::StatusOr<uint64_t> ProbeCookie(const core::ProbePoint& probe) {
  const auto kind = static_cast<uint64_t>(probe.kind);
  uint64_t flags = 0;
  int number = probe.argument_register;
  if (number < 0 && probe.argument_base_register >= 0) {
    flags |= PLIMSOLL_ARGUMENT_IN_MEMORY;
    number = probe.argument_base_register;
  }
  if (number < 0) return PLIMSOLL_COOKIE(kind, 0, PLIMSOLL_ARGUMENT_NONE, 0);
  if (number > kLastRegister) {
    return absl::InvalidArgumentError(absl::StrCat(
        "probe ", probe.symbol, ": there is no argument register ", number));
  }
  if (std::abs(probe.argument_bytes) == 4) flags |= PLIMSOLL_ARGUMENT_4_BYTES;
  if (probe.no_items) flags |= PLIMSOLL_NO_ITEMS;
  return PLIMSOLL_COOKIE(kind, static_cast<uint64_t>(number), flags,
                         probe.argument_displacement);
}

absl::StatusOr<UniqueFd> CreateUprobeMultiLink(
    int program_fd, const std::string& path, int32_t pid,
    const std::vector<UprobeSite>& sites, bool at_return) {
  std::vector<uint64_t> offsets, semaphores, cookies;
  for (const UprobeSite& site : sites) {
    offsets.push_back(site.file_offset);
    semaphores.push_back(site.semaphore_offset);
    cookies.push_back(site.cookie);
  }
  const bool any_semaphore =
      std::any_of(semaphores.begin(), semaphores.end(),
                  [](uint64_t offset) { return offset != 0; });
  UprobeMultiAttributes attributes = {};
  attributes.program_fd = static_cast<uint32_t>(program_fd);
  attributes.attach_type = kTraceUprobeMulti;
  attributes.path = reinterpret_cast<uint64_t>(path.c_str());
  attributes.offsets = reinterpret_cast<uint64_t>(offsets.data());
  attributes.semaphore_offsets =
      any_semaphore ? reinterpret_cast<uint64_t>(semaphores.data()) : 0;
  attributes.cookies = reinterpret_cast<uint64_t>(cookies.data());
  attributes.count = static_cast<uint32_t>(sites.size());
  attributes.multi_flags = at_return ? kUprobeMultiReturn : 0;
  attributes.pid = static_cast<uint32_t>(pid);
  const long fd =
      ::syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
  if (fd < 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("attach uprobe_multi pid=", pid, " file=", path,
                            " places=", sites.size()));
  }
  return UniqueFd(static_cast<int>(fd));
}

void UprobeLinks::Detach() {
  multi_.Reset();
  tracefs_.clear();
  perf_.clear();
}

absl::StatusOr<UprobeLinks> AttachUprobes(bpf_program* program, UprobeRung rung,
                                          const std::string& open_path,
                                          int32_t pid,
                                          const std::vector<UprobeSite>& sites,
                                          bool at_return) {
  if (sites.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no probe to attach in pid ", pid));
  }
  UprobeLinks links;
  if (rung == UprobeRung::kUprobeMulti) {
    PLIMSOLL_ASSIGN_OR_RETURN(
        links.multi_, CreateUprobeMultiLink(bpf_program__fd(program), open_path,
                                            pid, sites, at_return));
    return links;
  }
  for (const UprobeSite& site : sites) {
    if (rung == UprobeRung::kTracefs) {
      PLIMSOLL_ASSIGN_OR_RETURN(
          TracefsUprobe probe,
          TracefsUprobe::Attach(program, open_path, pid, site, at_return));
      links.tracefs_.push_back(std::move(probe));
      continue;
    }
    PLIMSOLL_ASSIGN_OR_RETURN(
        BpfLink link, AttachPerf(program, open_path, pid, site, at_return));
    links.perf_.push_back(std::move(link));
  }
  return links;
}

}  // namespace plimsoll::bpf
