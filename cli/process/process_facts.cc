#include "cli/process/process_facts.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/procfs/cgroup_text.h"
#include "agent/procfs/workload_identity.h"
#include "cli/session/interrupt.h"

namespace plimsoll::cli {

core::ProcessDescription DescribeProcess(const procfs::ProcRoot& proc,
                                         int32_t pid) {
  procfs::IdentitySource source;
  core::ProcessDescription description;
  if (auto stat = proc.ReadStat(pid); stat.ok()) {
    description.id = {.pid = pid, .start_ticks = stat->start_ticks};
    source.comm = stat->comm;
  }
  if (auto env = proc.ReadEnviron(pid, procfs::IdentityVariables()); env.ok()) {
    source.environment = *std::move(env);
  }
  if (auto arguments = proc.ReadCmdline(pid); arguments.ok()) {
    source.arguments = *std::move(arguments);
  }
  if (auto cwd = proc.ReadCwd(pid); cwd.ok()) source.cwd = *std::move(cwd);
  if (auto cgroup = proc.ReadCgroup(pid); cgroup.ok()) {
    source.cgroup = procfs::ParseCgroupNames(cgroup->name_path);
    description.cgroup = cgroup->name_path;
  }
  if (source.cgroup.pod_uid.empty() && !source.cgroup.container_id.empty()) {
    if (auto docker = procfs::ReadDockerContainer("/var/lib/docker",
                                                  source.cgroup.container_id);
        docker.ok()) {
      source.docker = *std::move(docker);
    }
  }
  procfs::Identify(source, description);
  return description;
}

std::string VersionText(const core::PythonVersion& version) {
  return absl::StrCat(version.major, ".", version.minor, ".", version.micro);
}

double StartUnixSeconds(uint64_t start_ticks) {
  const double age_s = static_cast<double>(BoottimeNs()) / 1e9 -
                       static_cast<double>(start_ticks) /
                           static_cast<double>(::sysconf(_SC_CLK_TCK));
  return static_cast<double>(UnixNs()) / 1e9 - age_s;
}

}  // namespace plimsoll::cli
