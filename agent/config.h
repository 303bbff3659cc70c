// The agent's configuration: defaults, then one YAML file, then environment
// variables PLIMSOLL_AGENT_<KEY>. Immutable after loading; any thread may read
// a copy. Every key is defined here and nowhere else.
#ifndef PLIMSOLL_AGENT_CONFIG_H_
#define PLIMSOLL_AGENT_CONFIG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/procfs/request_rule.h"
#include "agent/procfs/workload_rule.h"

namespace plimsoll::agent {

struct Config {
  std::string collector = "127.0.0.1:7071";  // "": none
  // What it is shown, from PEM files and a file with a token, which may rotate.
  std::string collector_ca_file;  // of the collector's certificate; "": no TLS
  std::string collector_cert_file, collector_key_file;  // the agent's own
  std::string collector_server_name;  // in its certificate; "": the host
  std::string collector_token_file;
  bool insecure_collector = false;        // a token may go to it without TLS
  std::string listen = "127.0.0.1:7072";  // "": no /metrics
  std::string state_dir = "var/agent";
  std::string agent_id;  // "": one is made and kept in state_dir
  std::string cluster;
  std::string region;  // of processes that do not say theirs
  std::string zone;
  std::string node;  // its name in the cluster; "": the host name
  // Where pods are looked up: "" nowhere, "in-cluster" where a pod finds it, or
  // the URL of an API server, with its files.
  std::string kubernetes;
  std::string kubernetes_token_file;
  std::string kubernetes_ca_file;
  // Where Docker keeps its containers, for their Compose labels; "": nowhere.
  std::string docker_dir = "/var/lib/docker";
  std::vector<procfs::WorkloadRule> workload_rules;  // the first that fits
  int64_t memory_period_ns = 10'000'000'000;
  int64_t headers_period_ns = 30'000'000'000;
  int64_t census_period_ns = 30'000'000'000;
  double cpu_budget = 0.05;  // of one core, for all that is not tier 0
  int64_t spool_max_bytes = int64_t{256} << 20;
  // How long it waits at its end for a collector to take what is in the spool.
  // Worth more than a moment where state_dir does not outlive it, as in a pod.
  int64_t drain_timeout_ns = 2'000'000'000;
  std::vector<std::string> request_labels = {"city", "outcome", "endpoint",
                                             "method", "status"};
  std::vector<std::string> request_metrics;  // empty: *requests(_total)
  std::vector<std::string> request_gauges;   // empty: those with such a label
  // Whether pods that ask for it by prometheus.io/scrape are asked for their
  // request counters, and where else they may be asked for: the first that
  // fits.
  bool scrape_pods = true;
  std::vector<procfs::RequestRule> request_rules;
};

// An environment look-up; nullopt when the variable is not set.
using Environment =
    std::function<std::optional<std::string>(const std::string& name)>;

// kInvalidArgument names the key, its value and, for an unknown key, the
// nearest known one. `source` names the text in errors.
absl::StatusOr<Config> ParseConfig(const std::string& yaml,
                                   const std::string& source,
                                   const Environment& environment);

// "" as the path: no file, defaults and environment only.
absl::StatusOr<Config> LoadConfig(const std::string& path,
                                  const Environment& environment);

// "500ms", "10s", "5m", "2h", "7d" in nanoseconds; a number needs its unit.
absl::StatusOr<int64_t> ParseDuration(std::string_view text);
// "1048576", "256MiB", "1GB" in bytes.
absl::StatusOr<int64_t> ParseSize(std::string_view text);

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_AGENT_CONFIG_H_
