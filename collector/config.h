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
  // An address that is not loopback needs TLS and proofs of who the agents are
  // (gRPC), or a token (HTTP), unless this says that it is meant without.
  bool insecure_listen = false;
  // PEM files, looked at anew every few seconds, since they rotate.
  std::string tls_cert_file, tls_key_file;
  // Authority of the agents' certificates; set: they are asked for one.
  std::string agent_ca_file;
  // Service accounts, NAMESPACE/NAME, whose tokens let an agent in; set: tokens
  // are reviewed by the Kubernetes API below.
  std::vector<std::string> agent_accounts;
  std::string token_audience = "plimsoll-collector";
  // "in-cluster" is replaced by where a pod finds it.
  std::string kubernetes, kubernetes_token_file, kubernetes_ca_file;
  std::string http_token_file;  // whoever knows what is in it may look
  std::string state_dir = "var/collector";
  int64_t retention_ns = int64_t{7} * 86'400 * 1'000'000'000;
  int64_t max_store_bytes = 0;  // 0: as large as the disk allows
  std::vector<std::string> alertmanagers, webhooks;
  // Files with one secret each, so that none is on a command line or in an
  // environment: a PagerDuty routing key, a Slack incoming webhook's URL.
  std::vector<std::string> pagerduty_key_files, slack_url_files;
  std::string pagerduty_url = "https://events.pagerduty.com/v2/enqueue";
  // A Prometheus that knows how many requests each pod has served: an instant
  // vector with the labels namespace and pod, whose others are attributes.
  std::string requests_prometheus, requests_query, requests_gauges_query,
      requests_token_file;
  int64_t requests_period_ns = int64_t{30} * 1'000'000'000;
  // OTLP, where services export their metrics: addresses, "" for none. Those
  // names that count requests and the attributes that are kept; empty: the
  // usual ones (collector/rpc/otlp_decoder.h).
  std::string otlp_grpc_listen, otlp_http_listen, otlp_token_file;
  std::vector<std::string> otlp_metrics, otlp_attributes, otlp_gauges;
  std::string external_url;  // in pages; default: http://<http_listen>
  // In pages; {workload}, {namespace}, {cluster}, {owner} and {cause} are
  // filled in. Default: <external_url>/runbook
  std::string runbook_url;

  bool authenticates() const {
    return !agent_ca_file.empty() || !agent_accounts.empty();
  }
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
