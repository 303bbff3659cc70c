// CgroupReader answers what the kernel charges to a process' cgroup and which
// limit will kill it: of all ancestors with a limit, the one with the least
// room left. Owned and called by one thread (it remembers paths it had to
// search for). All values in bytes.
//
// Errors: kNotFound no such cgroup, or none with a memory controller;
// kUnavailable no hierarchy with it is mounted here.
#ifndef PLIMSOLL_AGENT_PROCFS_CGROUP_READER_H_
#define PLIMSOLL_AGENT_PROCFS_CGROUP_READER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/memory_sample.h"
#include "agent/procfs/cgroup_text.h"

namespace plimsoll::procfs {

class CgroupReader {
 public:
  explicit CgroupReader(std::vector<CgroupMount> mounts)
      : mounts_(std::move(mounts)) {}

  // The tightest ancestor of the cgroup; the cgroup itself, without a limit,
  // where no ancestor has one.
  absl::StatusOr<core::CgroupMemory> Read(const CgroupMembership& membership);

 private:
  struct Place {
    std::string mount_point;
    std::string path;  // below it, "" for the top
  };
  absl::StatusOr<Place> Locate(const CgroupMembership& membership);

  std::vector<CgroupMount> mounts_;
  // What a search of the tree gave, by "version path"; "" for nothing.
  std::map<std::string, std::string> found_;
};

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_CGROUP_READER_H_
