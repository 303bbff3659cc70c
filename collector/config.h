// The collector's settings: embedded defaults, then one YAML file, then
// PLIMSOLL_COLLECTOR_<KEY> of the environment (lists: separated by commas).
// An unknown key is an error that names the nearest known one. Immutable once
// parsed. Pure but for LoadConfig, which reads the file.
#ifndef PLIMSOLL_COLLECTOR_CONFIG_H_
#define PLIMSOLL_COLLECTOR_CONFIG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace plimsoll::collector {

struct Config {
  std::string grpc_listen = "127.0.0.1:7071";
  std::string http_listen = "127.0.0.1:7070";
  // There is no authentication yet: an address that is not loopback is refused
  // unless this says that it is meant.
  bool insecure_listen = false;
  std::string state_dir = "var/collector";
  int64_t retention_ns = int64_t{7} * 86'400 * 1'000'000'000;
  int64_t max_store_bytes = 0;  // 0: as large as the disk allows
  std::vector<std::string> alertmanagers, webhooks;
  std::string external_url;  // in pages; default: http://<http_listen>
};

// Gives the value of an environment variable, or nothing.
using Environment =
    std::function<std::optional<std::string>(const std::string& name)>;

// InvalidArgument names key and line. `yaml` may be empty.
absl::StatusOr<Config> ParseConfig(const std::string& yaml,
                                   const Environment& environment);
// `path` empty: defaults and environment only.
absl::StatusOr<Config> LoadConfig(const std::string& path,
                                  const Environment& environment);

// "90s", "10m", "2h", "7d" -> nanoseconds.
absl::StatusOr<int64_t> ParseDuration(const std::string& text);

struct HostPort {
  std::string host;
  uint16_t port = 0;
};
// "127.0.0.1:7070", "[::1]:7070", "localhost:0".
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CONFIG_H_
