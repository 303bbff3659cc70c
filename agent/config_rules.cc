#include "agent/config_rules.h"

#include <string>
#include <string_view>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address.starts_with("localhost:") ||
         address.starts_with("[::1]:");
}

// What is shown to the collector, and only to it.
absl::Status CheckProofs(const Config& config) {
  if (config.collector_cert_file.empty() != config.collector_key_file.empty()) {
    return absl::InvalidArgumentError(
        "collector_cert_file and collector_key_file go together");
  }
  const bool tls = !config.collector_ca_file.empty();
  if (!tls && !config.collector_cert_file.empty()) {
    return absl::InvalidArgumentError(
        "collector_cert_file is shown over TLS only: set collector_ca_file");
  }
  if (tls || config.collector_token_file.empty() || config.insecure_collector ||
      IsLoopback(config.collector)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "collector_token_file would be sent to " + config.collector +
      " unencrypted: set collector_ca_file, or insecure_collector: true if the "
      "network between is trusted");
}

constexpr char kServiceAccount[] =
    "/var/run/secrets/kubernetes.io/serviceaccount/";

// "in-cluster" as a pod finds it:
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
absl::Status FindApi(const Environment& environment, Config& config) {
  if (config.kubernetes != "in-cluster") return absl::OkStatus();
  const auto host = environment("KUBERNETES_SERVICE_HOST");
  if (!host || host->empty()) {
    return absl::InvalidArgumentError(
        "kubernetes is in-cluster, but KUBERNETES_SERVICE_HOST is not set: "
        "this is no pod. Set the URL of the API server, or nothing");
  }
  const bool ipv6 = host->find(':') != std::string::npos;
  config.kubernetes = "https://" + (ipv6 ? "[" + *host + "]" : *host) + ":" +
                      environment("KUBERNETES_SERVICE_PORT").value_or("443");
  if (config.kubernetes_token_file.empty()) {
    config.kubernetes_token_file = std::string(kServiceAccount) + "token";
  }
  if (config.kubernetes_ca_file.empty()) {
    config.kubernetes_ca_file = std::string(kServiceAccount) + "ca.crt";
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FinishConfig(const Environment& environment, Config& config) {
  PLIMSOLL_RETURN_IF_ERROR(FindApi(environment, config));
  return CheckProofs(config);
}

}  // namespace plimsoll::agent
