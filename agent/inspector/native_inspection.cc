#include "agent/inspector/native_inspection.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/heap/census.h"
#include "agent/heap/pool.h"
#include "agent/inspector/resident_pages.h"
#include "agent/inspector/target_memory.h"
#include "agent/native/unwinder.h"
#include "agent/python/process_files.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::inspector {
namespace {

constexpr size_t kMostRanges = 500'000;

core::PageOwner OwnerOf(const core::MemorySource& memory, uint64_t address,
                        uint32_t pool_bytes) {
  if (pool_bytes == 0 || (pool_bytes & (pool_bytes - 1)) != 0) {
    return core::PageOwner::kNotKnown;
  }
  const uint64_t pool = address & ~uint64_t{pool_bytes - 1};
  std::array<std::byte, heap::kPoolHeaderBytes> header;
  if (memory.Read(pool, header) != header.size()) {
    return core::PageOwner::kNotKnown;
  }
  return heap::ParsePoolHeader(header, pool, pool_bytes)
             ? core::PageOwner::kPymalloc
             : core::PageOwner::kOther;
}

}  // namespace

absl::StatusOr<std::vector<core::NativeStack>> UnwindStacks(
    std::string_view proc_root, const core::PythonProcess& python,
    const std::vector<core::NativeSnapshot>& snapshots) {
  const python::ProcProcessFiles files(proc_root, python.pid);
  PLIMSOLL_ASSIGN_OR_RETURN(const auto mappings, files.ReadMappings());
  const auto open =
      [&files](const core::Mapping& m) -> absl::StatusOr<UniqueFd> {
    PLIMSOLL_ASSIGN_OR_RETURN(const python::OpenedFile file,
                              files.OpenMapped(m));
    if (file.device != m.device || file.inode != m.inode) {
      return absl::NotFoundError(absl::StrCat("the file mapped as ", m.path,
                                              " is not there any more"));
    }
    UniqueFd fd(::open(file.open_path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) {
      return absl::ErrnoToStatus(errno, absl::StrCat("open ", file.open_path));
    }
    return fd;
  };
  PLIMSOLL_ASSIGN_OR_RETURN(native::Unwinder unwinder,
                            native::Unwinder::Make(mappings, open));
  const TargetMemory memory(python.pid);
  std::vector<core::NativeStack> stacks;
  for (const core::NativeSnapshot& snapshot : snapshots) {
    stacks.push_back(unwinder.Unwind(snapshot));
    stacks.back().page =
        OwnerOf(memory, snapshot.address, python.objects.pool_bytes);
  }
  return stacks;
}

absl::StatusOr<std::vector<core::PageRange>> ResidentAnonymousPages(
    std::string_view proc_root, int32_t pid) {
  PLIMSOLL_ASSIGN_OR_RETURN(
      const auto mappings,
      python::ProcProcessFiles(proc_root, pid).ReadMappings());
  const Residency resident =
      ReadResidentRanges(proc_root, pid, heap::PoolRanges(mappings),
                         static_cast<uint32_t>(core::kSmallPageBytes));
  if (resident.ranges.size() > kMostRanges) {
    return absl::ResourceExhaustedError(
        absl::StrCat("its memory is in ", resident.ranges.size(), " pieces"));
  }
  std::vector<core::PageRange> pages;
  pages.reserve(resident.ranges.size());
  for (const auto& range : resident.ranges) {
    pages.push_back({range.start, range.end});
  }
  return pages;
}

}  // namespace plimsoll::inspector
