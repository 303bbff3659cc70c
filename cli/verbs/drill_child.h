// The child of a drill and the cgroup with a limit that it may be given. Both
// end with the object. Main thread only.
#ifndef PLIMSOLL_CLI_VERBS_DRILL_CHILD_H_
#define PLIMSOLL_CLI_VERBS_DRILL_CHILD_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::cli {

// A memory cgroup of its own under the root of the hierarchy, v2 or v1.
class DrillCgroup {
 public:
  // kPermissionDenied or kFailedPrecondition says why there can be none.
  static absl::StatusOr<std::unique_ptr<DrillCgroup>> Make(int64_t limit_bytes);
  ~DrillCgroup();  // removes it; what was in it has ended
  DrillCgroup(const DrillCgroup&) = delete;
  DrillCgroup& operator=(const DrillCgroup&) = delete;

  const std::string& procs_file() const { return procs_file_; }

 private:
  explicit DrillCgroup(std::string path)
      : path_(std::move(path)), procs_file_(path_ + "/cgroup.procs") {}
  const std::string path_, procs_file_;
};

// The path of `python`: as it is when it has a slash, else by PATH.
// kFailedPrecondition, with the remedy, where there is none.
absl::StatusOr<std::string> FindPython(const std::string& python);

class DrillChild {
 public:
  // `cgroup` may be null. The child is the first that the kernel would kill,
  // and is killed with this process, however that ends.
  static absl::StatusOr<std::unique_ptr<DrillChild>> Start(
      const std::string& python, const std::vector<std::string>& arguments,
      const std::vector<std::string>& environment, const DrillCgroup* cgroup);
  ~DrillChild();  // closes its input, waits, then kills
  DrillChild(const DrillChild&) = delete;
  DrillChild& operator=(const DrillChild&) = delete;

  pid_t pid() const { return pid_; }
  // Until it has written something, which says that the interpreter is up;
  // until it has ended or `timeout_ms` are over otherwise.
  bool AwaitStart(int timeout_ms) const;
  // Whether it has ended; its wait status then.
  bool Ended(int* status);

 private:
  DrillChild(pid_t pid, UniqueFd lifeline, UniqueFd output)
      : pid_(pid), lifeline_(std::move(lifeline)), output_(std::move(output)) {}
  const pid_t pid_;
  UniqueFd lifeline_;  // its standard input
  UniqueFd output_;    // and output
  bool reaped_ = false;
  int status_ = 0;
};

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_VERBS_DRILL_CHILD_H_
