// What the agent asks of the machine it runs on: time, identity, permissions,
// its own use of CPU and memory. Any thread.
#ifndef PLIMSOLL_AGENT_HOST_H_
#define PLIMSOLL_AGENT_HOST_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/clock.h"

namespace plimsoll::agent {

class SystemClock final : public core::Clock {
 public:
  int64_t BoottimeNs() const override;
  int64_t WallOffsetNs() const override;
};

// kPermissionDenied in words, with the remedy, when the capability that all of
// the agent's reading stands on is missing.
absl::Status CheckPermissions();

// CPU time of this process, its ended children and the child `pid` (0: none).
int64_t CpuNs(int32_t child_pid);
int64_t RssBytes(int32_t child_pid);

std::string HostName();
std::string KernelRelease();
// `digits` hex digits from the kernel's random source.
std::string RandomHex(int digits);

// The id kept in `state_dir`, made there the first time.
absl::StatusOr<std::string> LoadAgentId(const std::string& state_dir);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_HOST_H_
