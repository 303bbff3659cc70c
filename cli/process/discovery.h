// Which Python processes run on this node, and how well each can be seen. It
// remembers what it learned of a process for as long as that one lives, so
// that a live view does not parse an interpreter again at each refresh. Owns
// the inspector's child. Main thread only.
#ifndef PLIMSOLL_CLI_PROCESS_DISCOVERY_H_
#define PLIMSOLL_CLI_PROCESS_DISCOVERY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/process.h"
#include "agent/core/python_layout.h"
#include "agent/inspector/blocking_inspector.h"
#include "agent/procfs/cgroup_reader.h"
#include "agent/procfs/proc_root.h"
#include "cli/report/ps_report.h"

namespace plimsoll::cli {

class Discovery {
 public:
  static absl::StatusOr<Discovery> Make();

  // All Python processes of this moment, by pid; also those that may not be
  // read but name themselves as one (their tiers give the reason). Processes
  // that end meanwhile are left out.
  absl::StatusOr<std::vector<PsProcess>> Scan();

 private:
  struct Known {
    core::ProcessId id;
    int32_t parent_pid = 0;
    core::ProcessDescription description;
    bool is_python = false;
    absl::StatusOr<core::PythonProcess> python;
  };

  Discovery(std::unique_ptr<inspector::BlockingInspector> inspector,
            procfs::CgroupReader cgroups)
      : inspector_(std::move(inspector)), cgroups_(std::move(cgroups)) {}
  const Known* Recognize(int32_t pid);
  PsProcess Describe(const Known& known);

  procfs::ProcRoot proc_;
  std::unique_ptr<inspector::BlockingInspector> inspector_;
  procfs::CgroupReader cgroups_;
  std::map<int32_t, Known> known_;
};

// What can be seen of a process of which the interpreter was read, or not.
std::vector<core::TierStatus> TiersOf(
    const absl::StatusOr<core::PythonProcess>& python);

// Whether an unreadable process presents itself as a Python one.
bool LooksLikePython(std::string_view comm,
                     const std::vector<std::string>& arguments);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_PROCESS_DISCOVERY_H_
