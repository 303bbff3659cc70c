// Every parser of what a process can write into /proc: its name, its file
// names, its arguments, its environment and its cgroup's path.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/procfs/cgroup_text.h"
#include "agent/procfs/docker_container.h"
#include "agent/procfs/listening_sockets.h"
#include "agent/procfs/proc_text.h"
#include "agent/procfs/request_rule.h"
#include "agent/procfs/surroundings.h"
#include "agent/procfs/workload_identity.h"
#include "agent/procfs/workload_rule.h"

using namespace plimsoll;  // NOLINT: a fuzzer is one function

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)procfs::ParseStat(text);
  (void)procfs::ParseStatus(text);
  (void)procfs::ParseMaps(text);
  (void)procfs::ParseMeminfo(text);
  (void)procfs::ParseVmstatOomKills(text);
  (void)procfs::ParseCgroupMounts(text);
  (void)procfs::ParseMemoryLimit(text);
  (void)procfs::FindCounter(text, "oom_kill");
  procfs::IdentitySource source;
  source.arguments = procfs::ParseCmdline(text);
  source.environment = procfs::ParseEnviron(text, procfs::IdentityVariables());
  if (auto cgroup = procfs::ParseCgroupMembership(text); cgroup.ok()) {
    source.cgroup = procfs::ParseCgroupNames(cgroup->name_path);
  }
  source.cwd = std::string(text.substr(0, 64));
  source.comm = source.cwd;
  core::ProcessDescription description;
  (void)procfs::ParseLockdown(text);
  if (auto docker = procfs::ParseDockerContainer(text); docker.ok()) {
    source.docker = *std::move(docker);
  }
  procfs::Identify(source, description);
  if (auto rule = procfs::ParseWorkloadRule(text); rule.ok()) {
    core::ProcessDescription other = description;
    (void)procfs::ApplyWorkloadRules({*rule}, source.cgroup, other);
  }
  for (const procfs::ListeningSocket& socket : procfs::ParseTcpTable(text)) {
    if (socket.port < 0 || socket.port > 65535 || socket.address.empty()) {
      __builtin_trap();
    }
  }
  (void)procfs::ParseSocketLink(text);
  if (auto rule = procfs::ParseRequestRule(text); rule.ok()) {
    (void)procfs::FindRequestRule({*rule}, source.cgroup, description);
    // What is asked for stays in the first line of the request.
    if (rule->metrics &&
        rule->metrics->path.find_first_of("\r\n ") != std::string::npos) {
      __builtin_trap();
    }
  }
  // Nothing unbounded leaves the node.
  if (description.workload.name.size() > 256) __builtin_trap();
  if (description.command.size() > 256) __builtin_trap();
  return 0;
}
