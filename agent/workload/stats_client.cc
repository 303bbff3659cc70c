#include "agent/workload/stats_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "plimsoll/base/open_in_root.h"
#include "plimsoll/base/status_macros.h"
#include "plimsoll/base/unique_fd.h"

namespace plimsoll::workload {
namespace {

constexpr std::string_view kHttpRequest =
    "GET / HTTP/1.0\r\nUser-Agent: plimsoll-agent\r\n\r\n";

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

absl::Status Failed(const char* what) {
  const int error = errno;
  if (error == ECONNREFUSED || error == EAGAIN || error == ECONNRESET ||
      error == EPIPE || error == EHOSTUNREACH || error == ENETUNREACH) {
    return absl::UnavailableError(std::string("its stats server: ") + what +
                                  ": " + std::strerror(error));
  }
  return absl::ErrnoToStatus(error, std::string("its stats server: ") + what);
}

// OK once `events` are there.
absl::Status WaitFor(int fd, short events, int64_t end_ns) {
  for (;;) {
    const int64_t left_ms = (end_ns - NowNs()) / 1'000'000;
    if (left_ms <= 0) {
      return absl::UnavailableError("its stats server did not answer in time");
    }
    pollfd poll{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(left_ms));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return Failed("poll");
  }
}

absl::Status Connect(int fd, const sockaddr* address, socklen_t size,
                     int64_t end_ns) {
  if (::connect(fd, address, size) == 0) return absl::OkStatus();
  if (errno != EINPROGRESS) return Failed("connect");
  PLIMSOLL_RETURN_IF_ERROR(WaitFor(fd, POLLOUT, end_ns));
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
    return Failed("connect");
  }
  errno = error;
  return error == 0 ? absl::OkStatus() : Failed("connect");
}

// The kernel keeps who called listen().
absl::Status CheckOwner(int fd, const std::vector<int32_t>& owners) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return Failed("peer");
  }
  if (std::find(owners.begin(), owners.end(), peer.pid) != owners.end()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "the socket of its stats server is another's, of process " +
      std::to_string(peer.pid));
}

absl::StatusOr<std::string> ReadToEnd(int fd, int64_t end_ns) {
  std::string text;
  char buffer[16 << 10];
  for (;;) {
    PLIMSOLL_RETURN_IF_ERROR(WaitFor(fd, POLLIN, end_ns));
    const ssize_t got = ::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return Failed("read");
    if (got == 0) return text;
    if (static_cast<size_t>(got) > kMostAnswerBytes - text.size()) {
      return absl::OutOfRangeError("its stats server says over 4 MiB");
    }
    text.append(buffer, static_cast<size_t>(got));
  }
}

absl::StatusOr<std::string> Converse(const sockaddr* address, socklen_t size,
                                     const StatsReadOptions& options) {
  const UniqueFd fd(::socket(address->sa_family,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Failed("socket");
  const int64_t end_ns = NowNs() + options.timeout_ns;
  PLIMSOLL_RETURN_IF_ERROR(Connect(fd.get(), address, size, end_ns));
  if (address->sa_family == AF_UNIX && !options.owners.empty()) {
    PLIMSOLL_RETURN_IF_ERROR(CheckOwner(fd.get(), options.owners));
  }
  if (options.http &&
      ::send(fd.get(), kHttpRequest.data(), kHttpRequest.size(),
             MSG_NOSIGNAL) != static_cast<ssize_t>(kHttpRequest.size())) {
    return Failed("send");
  }
  return ReadToEnd(fd.get(), end_ns);
}

// `name` with its leading NUL, or a path.
absl::StatusOr<std::string> ConverseUnix(std::string_view name,
                                         const StatsReadOptions& options) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("its stats server: the name is too long");
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  return Converse(
      reinterpret_cast<const sockaddr*>(&address),
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size()),
      options);
}

}  // namespace

absl::StatusOr<std::string> ReadUnixStats(const std::string& root,
                                          const std::string& path,
                                          const StatsReadOptions& options) {
  PLIMSOLL_ASSIGN_OR_RETURN(const UniqueFd fd, OpenInRoot(root, path, O_PATH));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Failed("stat");
  if (!S_ISSOCK(status.st_mode)) {
    return absl::InvalidArgumentError("its stats server: " + path +
                                      " is no socket");
  }
  return ConverseUnix("/proc/self/fd/" + std::to_string(fd.get()), options);
}

absl::StatusOr<std::string> ReadAbstractStats(const std::string& name,
                                              const StatsReadOptions& options) {
  // uWSGI counts the NUL at the end as a part of the name.
  const std::string full = std::string(1, '\0') + name;
  auto text = ConverseUnix(full + std::string(1, '\0'), options);
  if (text.ok() || !absl::IsUnavailable(text.status())) return text;
  return ConverseUnix(full, options);
}

absl::StatusOr<std::string> ReadTcpStats(const std::string& address, int port,
                                         const StatsReadOptions& options) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(static_cast<uint16_t>(port));
  if (::inet_pton(AF_INET, address.c_str(), &four.sin_addr) == 1) {
    return Converse(reinterpret_cast<const sockaddr*>(&four), sizeof(four),
                    options);
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(static_cast<uint16_t>(port));
  if (::inet_pton(AF_INET6, address.c_str(), &six.sin6_addr) != 1) {
    return absl::InvalidArgumentError("its stats server: no address");
  }
  return Converse(reinterpret_cast<const sockaddr*>(&six), sizeof(six),
                  options);
}

}  // namespace plimsoll::workload
