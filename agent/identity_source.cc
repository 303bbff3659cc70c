#include "agent/identity_source.h"

#include <map>
#include <utility>
#include <vector>

#include "agent/procfs/read_file.h"

namespace plimsoll::agent {
namespace {

constexpr char kServiceAccountNamespace[] =
    "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

// Those variables of it that may be read at all.
std::map<std::string, std::string> EnvironmentOf(int32_t pid,
                                                 const procfs::ProcRoot& proc,
                                                 WatchedProcess& process) {
  auto environment = proc.ReadEnviron(pid, procfs::IdentityVariables());
  if (environment.ok()) return *std::move(environment);
  if (absl::IsPermissionDenied(environment.status())) {
    process.environment_refusal =
        "its environment, which names service and counters, is closed to the "
        "agent: grant CAP_DAC_READ_SEARCH";
  }
  return {};
}

void ReadCgroup(int32_t pid, const procfs::ProcRoot& proc,
                procfs::IdentitySource& source, WatchedProcess& process) {
  auto cgroup = proc.ReadCgroup(pid);
  if (!cgroup.ok()) return;
  process.cgroup = *std::move(cgroup);
  source.cgroup = procfs::ParseCgroupNames(process.cgroup.name_path);
  process.cgroup_names = source.cgroup;
  // The one that kills, where the hierarchies differ: those in it share a
  // limit.
  const std::string& memory = process.cgroup.path;
  process.description.cgroup =
      memory.empty() || memory == "/" ? process.cgroup.name_path : memory;
}

}  // namespace

procfs::IdentitySource ReadIdentitySource(int32_t pid,
                                          const procfs::ProcRoot& proc,
                                          const std::string& docker_dir,
                                          WatchedProcess& process) {
  core::ProcessDescription& description = process.description;
  procfs::IdentitySource source;
  source.environment = EnvironmentOf(pid, proc, process);
  ReadCgroup(pid, proc, source, process);
  if (!source.cgroup.pod_uid.empty()) {
    source.kubernetes_namespace =
        procfs::ReadFileInRoot(proc.PathOf(pid, "root"),
                               kServiceAccountNamespace)
            .value_or("");
  } else if (!source.cgroup.container_id.empty()) {
    auto docker =
        procfs::ReadDockerContainer(docker_dir, source.cgroup.container_id);
    if (docker.ok()) source.docker = *std::move(docker);
  }
  source.arguments = proc.ReadCmdline(pid).value_or(std::vector<std::string>());
  source.cwd = proc.ReadCwd(pid).value_or("");
  if (auto stat = proc.ReadStat(pid); stat.ok()) {
    source.comm = stat->comm;
    description.parent_pid = stat->parent_pid;
  }
  description.namespace_pid = pid;
  if (auto status = proc.ReadStatus(pid);
      status.ok() && !status->ns_pids.empty()) {
    description.namespace_pid = status->ns_pids.back();
  }
  for (const char* name :
       {"PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"}) {
    auto it = source.environment.find(name);
    if (it == source.environment.end()) continue;
    process.multiprocess_directory = it->second;
    break;
  }
  return source;
}

}  // namespace plimsoll::agent
