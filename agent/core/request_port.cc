#include "agent/core/request_port.h"

#include <algorithm>
#include <charconv>

namespace plimsoll::core {
namespace {

constexpr size_t kMaxPathBytes = 255;
constexpr int kMaxPort = 65535;

// Foreign text in an error: printable and short.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, 40));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return "\"" + shown + "\"";
}

}  // namespace

absl::StatusOr<MetricsEndpoint> ParseMetricsEndpoint(std::string_view scheme,
                                                     std::string_view port,
                                                     std::string_view path) {
  MetricsEndpoint endpoint;
  if (scheme == "https") {
    return absl::UnimplementedError(
        "its metrics are asked for over https, which the agent does not speak "
        "to processes");
  }
  if (!scheme.empty() && scheme != "http") {
    return absl::InvalidArgumentError("no scheme of metrics: " + Shown(scheme));
  }
  if (!port.empty()) {
    const char* const end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data(), end, endpoint.port);
    if (error != std::errc() || stop != end || endpoint.port <= 0 ||
        endpoint.port > kMaxPort) {
      return absl::InvalidArgumentError("no port of metrics: " + Shown(port));
    }
  }
  if (!path.empty()) {
    const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
      return c > ' ' && c <= '~' && c != '#' && c != '\\';
    });
    if (path[0] != '/' || path.size() > kMaxPathBytes || !plain) {
      return absl::InvalidArgumentError("no path of metrics: " + Shown(path));
    }
    endpoint.path = std::string(path);
  }
  return endpoint;
}

}  // namespace plimsoll::core
