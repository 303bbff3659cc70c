// ChildProcess owns one plimsoll-inspector and the socket to it; the child is
// killed and reaped with this object.
//
// Started with posix_spawn, which is safe in a program with threads. The child
// gets /dev/null, stderr and its socket, no other descriptor, and no
// environment. It dies when the thread that started it ends (PDEATHSIG), so
// start it on a thread that lives as long as it should.
//
// Errors: kNotFound no such program; else errno's. One owner, one thread.
#ifndef PLIMSOLL_AGENT_INSPECTOR_CHILD_PROCESS_H_
#define PLIMSOLL_AGENT_INSPECTOR_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::inspector {

// plimsoll-inspector beside the running program.
absl::StatusOr<std::string> InspectorProgram();

class ChildProcess {
 public:
  // How it ended.
  struct End {
    bool refused_to_start = false;  // usage, or no sandbox here
    bool parser_died = false;       // by a signal that a parser's fault raises
    std::string text;               // "signal 11 (Segmentation fault)"
  };

  static absl::StatusOr<ChildProcess> Start(const std::string& program,
                                            uint64_t memory_limit_bytes);
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        socket_(std::move(other.socket_)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess() { Kill(); }

  pid_t pid() const { return pid_; }
  int socket() const { return socket_.get(); }  // non-blocking
  // Kills it unless it has ended, and waits for that.
  End Kill();

 private:
  ChildProcess(pid_t pid, UniqueFd socket)
      : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_;
  UniqueFd socket_;
};

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_CHILD_PROCESS_H_
