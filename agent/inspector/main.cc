// plimsoll-inspector: the private helper of plimsoll-agent and plimsoll that
// reads foreign memory. Started by them with a socket as descriptor 3.
//
// usage: plimsoll-inspector --memory-limit=BYTES --parent=PID
#include <malloc.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "agent/inspector/framing.h"
#include "agent/inspector/inspection_service.h"
#include "agent/inspector/sandbox.h"

namespace plimsoll::inspector {
namespace {

constexpr int kChannel = 3;

int64_t MonotonicNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::optional<SandboxOptions> ParseArguments(int argc, char** argv) {
  SandboxOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view digits = word.substr(equals + 1);
    uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return std::nullopt;
    }
    if (word.starts_with("--memory-limit=")) {
      options.memory_limit_bytes = value;
    } else if (word.starts_with("--parent=")) {
      options.parent_pid = static_cast<int32_t>(value);
    } else {
      return std::nullopt;
    }
  }
  return options;
}

bool SendAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(kChannel, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string Answer(InspectionService& service, const std::string& message) {
  v1::Request request;
  v1::Response response;
  if (request.ParseFromString(message)) {
    response = service.Handle(request);
  } else {
    response.set_status_code(
        static_cast<int32_t>(absl::StatusCode::kInvalidArgument));
    response.set_status_message("a request that does not decode");
  }
  auto frame = Frame(response.SerializeAsString());
  if (frame.ok()) return *std::move(frame);
  response.Clear();
  response.set_id(request.id());
  response.set_status_code(static_cast<int32_t>(frame.status().code()));
  response.set_status_message(std::string(frame.status().message()));
  return *Frame(response.SerializeAsString());
}

// 0 when the parent closed the channel.
int Serve() {
  InspectionService service("/proc", MonotonicNs);
  FrameReader reader;
  std::string buffer(64 << 10, '\0');
  while (true) {
    const ssize_t got = ::read(kChannel, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 ? 0 : 1;
    reader.Append({buffer.data(), static_cast<size_t>(got)});
    while (true) {
      auto message = reader.Next();
      if (!message.ok()) return 1;
      if (!message->has_value()) break;
      if (!SendAll(Answer(service, **message))) return 1;
      // What one large target needed is not kept for the next.
      ::malloc_trim(0);
    }
  }
}

int Main(int argc, char** argv) {
  int type = 0;
  socklen_t size = sizeof(type);
  const auto options = ParseArguments(argc, argv);
  if (!options || ::getsockopt(kChannel, SOL_SOCKET, SO_TYPE, &type, &size)) {
    std::fputs(
        "plimsoll-inspector is started by plimsoll-agent and plimsoll, "
        "not by hand\n",
        stderr);
    return 2;
  }
  if (absl::Status s = EnterSandbox(*options, kChannel); !s.ok()) {
    std::fprintf(stderr, "plimsoll-inspector: %s\n", s.ToString().c_str());
    return 3;
  }
  try {
    return Serve();
  } catch (const std::bad_alloc&) {
    return 4;
  }
}

}  // namespace
}  // namespace plimsoll::inspector

int main(int argc, char** argv) {
  // No destructors: nothing outlives the process, and the sandbox forbids most
  // of what they might do.
  ::_exit(plimsoll::inspector::Main(argc, argv));
}
