// Reads what the kernel says of this process' surroundings: capabilities,
// seccomp, security label, Yama, lockdown, sysctls, cgroups. What is not there
// is left empty; nothing here fails. Any thread.
#ifndef PLIMSOLL_AGENT_PROCFS_SURROUNDINGS_H_
#define PLIMSOLL_AGENT_PROCFS_SURROUNDINGS_H_

#include <string>
#include <string_view>

#include "agent/core/self_check.h"

namespace plimsoll::procfs {

// Of the process `self` ("self", or a pid) of a /proc, and of a /sys. The
// kernel's release is not read here.
core::Surroundings ReadSurroundings(const std::string& proc = "/proc",
                                    const std::string& sys = "/sys");

// "none [integrity] confidentiality" -> "integrity"; "" when nothing is chosen.
std::string ParseLockdown(std::string_view text);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_SURROUNDINGS_H_
