// The TCP ports that a process listens on, and who listens there too: its
// sockets from /proc/PID/fd, joined with the table of its network namespace,
// /proc/PID/net/tcp and tcp6 (proc(5)). Parse* is pure; the rest reads /proc;
// any thread. kNotFound: the process is gone.
#ifndef PLIMSOLL_AGENT_PROCFS_LISTENING_SOCKETS_H_
#define PLIMSOLL_AGENT_PROCFS_LISTENING_SOCKETS_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/procfs/proc_root.h"

namespace plimsoll::procfs {

struct ListeningSocket {
  std::string address;  // "0.0.0.0", "127.0.0.1", "::", "::1"
  int port = 0;
  uint64_t inode = 0;
  friend bool operator==(const ListeningSocket&,
                         const ListeningSocket&) = default;

  bool IsAny() const { return address == "0.0.0.0" || address == "::"; }
  bool IsLoopback() const {
    return address.starts_with("127.") || address == "::1" ||
           address.starts_with("::ffff:127.");
  }
};

// The rows in state LISTEN of a table of either family; rows that are not
// understood are left out. At most 4096.
std::vector<ListeningSocket> ParseTcpTable(std::string_view text);
// The inode of "socket:[15393]"; 0 of anything else.
uint64_t ParseSocketLink(std::string_view link);

// All that listen in the network namespace of a process.
absl::StatusOr<std::vector<ListeningSocket>> ReadListeners(const ProcRoot& proc,
                                                           int32_t pid);
// Of the inodes asked for, those that are open in a process. It looks at 65,536
// descriptors at most.
absl::StatusOr<std::set<uint64_t>> ReadOpenSockets(
    const ProcRoot& proc, int32_t pid, const std::set<uint64_t>& inodes);
// "net:[4026531840]". 0 as the pid: of the caller.
absl::StatusOr<std::string> ReadNetworkNamespace(const ProcRoot& proc,
                                                 int32_t pid);
// The process that it was forked from and whose program it still runs, as the
// workers of a prefork server do; 0 when there is none.
int32_t ReadMaster(const ProcRoot& proc, int32_t pid);
// Processes that its parent has forked, and it itself: those that may have
// inherited the same sockets, without the process and without its parent, at
// most 256. Empty where the kernel does not tell.
std::vector<int32_t> ReadRelatives(const ProcRoot& proc, int32_t pid);

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_LISTENING_SOCKETS_H_
