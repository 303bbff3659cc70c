#include "collector/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "collector/core/text/duration.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

// Levenshtein's distance, for "did you mean".
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replace = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

absl::Status Invalid(const std::string& text) {
  return absl::InvalidArgumentError("config: " + text);
}

// A value as the list of its items; a scalar is one item.
using Value = std::vector<std::string>;

absl::StatusOr<bool> ParseBool(const std::string& text) {
  if (text == "true" || text == "1" || text == "yes") return true;
  if (text == "false" || text == "0" || text == "no") return false;
  return Invalid("\"" + text + "\" is neither true nor false");
}

absl::StatusOr<int64_t> ParseInt(const std::string& text) {
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return Invalid("\"" + text + "\" is not a number of bytes");
  }
  return value;
}

// Where the text of a key goes. Lists and texts are kept as they are.
struct Key {
  const char* name;
  std::string Config::*text = nullptr;
  std::vector<std::string> Config::*list = nullptr;
  absl::Status (*parse)(const std::string& text, Config* config) = nullptr;
};

const Key kKeys[] = {
    {.name = "grpc_listen", .text = &Config::grpc_listen},
    {.name = "http_listen", .text = &Config::http_listen},
    {.name = "insecure_listen",
     .parse =
         [](const std::string& text, Config* config) {
           auto value = ParseBool(text);
           if (value.ok()) config->insecure_listen = *value;
           return value.status();
         }},
    {.name = "tls_cert_file", .text = &Config::tls_cert_file},
    {.name = "tls_key_file", .text = &Config::tls_key_file},
    {.name = "agent_ca_file", .text = &Config::agent_ca_file},
    {.name = "agent_accounts", .list = &Config::agent_accounts},
    {.name = "token_audience", .text = &Config::token_audience},
    {.name = "kubernetes", .text = &Config::kubernetes},
    {.name = "kubernetes_token_file", .text = &Config::kubernetes_token_file},
    {.name = "kubernetes_ca_file", .text = &Config::kubernetes_ca_file},
    {.name = "http_token_file", .text = &Config::http_token_file},
    {.name = "state_dir", .text = &Config::state_dir},
    {.name = "retention",
     .parse =
         [](const std::string& text, Config* config) {
           auto value = ParseDuration(text);
           if (value.ok()) config->retention_ns = *value;
           return value.status();
         }},
    {.name = "max_store_bytes",
     .parse =
         [](const std::string& text, Config* config) {
           auto value = ParseInt(text);
           if (value.ok()) config->max_store_bytes = *value;
           return value.status();
         }},
    {.name = "webhooks", .list = &Config::webhooks},
    {.name = "alertmanagers", .list = &Config::alertmanagers},
    {.name = "pagerduty_key_files", .list = &Config::pagerduty_key_files},
    {.name = "pagerduty_url", .text = &Config::pagerduty_url},
    {.name = "slack_url_files", .list = &Config::slack_url_files},
    {.name = "requests_prometheus", .text = &Config::requests_prometheus},
    {.name = "requests_query", .text = &Config::requests_query},
    {.name = "requests_gauges_query", .text = &Config::requests_gauges_query},
    {.name = "requests_token_file", .text = &Config::requests_token_file},
    {.name = "requests_period",
     .parse =
         [](const std::string& text, Config* config) {
           auto value = ParseDuration(text);
           if (value.ok()) config->requests_period_ns = *value;
           return value.status();
         }},
    {.name = "otlp_grpc_listen", .text = &Config::otlp_grpc_listen},
    {.name = "otlp_http_listen", .text = &Config::otlp_http_listen},
    {.name = "otlp_token_file", .text = &Config::otlp_token_file},
    {.name = "otlp_metrics", .list = &Config::otlp_metrics},
    {.name = "otlp_attributes", .list = &Config::otlp_attributes},
    {.name = "otlp_gauges", .list = &Config::otlp_gauges},
    {.name = "external_url", .text = &Config::external_url},
    {.name = "runbook_url", .text = &Config::runbook_url},
};

const char* NearestKey(const std::string& unknown) {
  return std::min_element(std::begin(kKeys), std::end(kKeys),
                          [&](const Key& a, const Key& b) {
                            return Distance(unknown, a.name) <
                                   Distance(unknown, b.name);
                          })
      ->name;
}

absl::Status Set(const Key& key, const Value& value, Config* config) {
  if (key.list != nullptr) {
    config->*key.list = value;
    return absl::OkStatus();
  }
  if (value.size() != 1) {
    return Invalid(std::string(key.name) + ": one value is wanted");
  }
  if (key.parse != nullptr) return key.parse(value[0], config);
  config->*key.text = value[0];
  return absl::OkStatus();
}

absl::Status SetAllFromYaml(const std::string& text, Config* config) {
  YAML::Node root = YAML::Load(text);
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) return Invalid("the file is not a list of keys");
  for (const auto& entry : root) {
    std::string key = entry.first.as<std::string>();
    std::string where =
        "line " + std::to_string(entry.first.Mark().line + 1) + ": ";
    const Key* known = std::find_if(
        std::begin(kKeys), std::end(kKeys),
        [&](const Key& candidate) { return key == candidate.name; });
    if (known == std::end(kKeys)) {
      return Invalid(where + "unknown key \"" + key + "\"; did you mean \"" +
                     NearestKey(key) + "\"?");
    }
    Value value;
    if (entry.second.IsSequence()) {
      value = entry.second.as<std::vector<std::string>>();
    } else if (!entry.second.IsNull()) {
      value.push_back(entry.second.as<std::string>());
    }
    absl::Status status = Set(*known, value, config);
    if (!status.ok()) {
      return absl::InvalidArgumentError(where + key + ": " +
                                        std::string(status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status SetAllFromEnvironment(const Environment& environment,
                                   Config* config) {
  for (const Key& key : kKeys) {
    std::string name = std::string("PLIMSOLL_COLLECTOR_") + key.name;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    std::optional<std::string> text = environment(name);
    if (!text) continue;
    Value value;
    const bool is_list = key.list != nullptr;
    std::istringstream items(*text);
    for (std::string item; is_list && std::getline(items, item, ',');) {
      if (!item.empty()) value.push_back(item);
    }
    if (!is_list) value.push_back(*text);
    absl::Status status = Set(key, value, config);
    if (!status.ok()) {
      return absl::InvalidArgumentError(name + ": " +
                                        std::string(status.message()));
    }
  }
  return absl::OkStatus();
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

absl::Status CheckListen(const char* key, const std::string& listen,
                         bool allowed, const char* wanted) {
  auto address = ParseHostPort(listen);
  if (!address.ok()) {
    return Invalid(std::string(key) + ": " +
                   std::string(address.status().message()));
  }
  if (allowed || IsLoopback(address->host)) return absl::OkStatus();
  return Invalid(std::string(key) + ": " + listen +
                 " is not a loopback address, and " + wanted +
                 ". Set insecure_listen: true if the network around it is "
                 "trusted.");
}

absl::Status CheckProofs(const Config& config) {
  const bool tls = !config.tls_cert_file.empty();
  if (tls != !config.tls_key_file.empty()) {
    return Invalid("tls_cert_file and tls_key_file go together");
  }
  if (!config.agent_ca_file.empty() && !tls) {
    return Invalid(
        "agent_ca_file: agents show certificates over TLS only, which needs "
        "tls_cert_file and tls_key_file");
  }
  for (const std::string& account : config.agent_accounts) {
    const size_t slash = account.find('/');
    if (slash == 0 || slash == std::string::npos ||
        slash + 1 == account.size() ||
        account.find('/', slash + 1) != std::string::npos) {
      return Invalid("agent_accounts: \"" + account +
                     "\" is not like plimsoll/plimsoll-agent");
    }
  }
  if (!config.agent_accounts.empty() && config.kubernetes.empty()) {
    return Invalid(
        "agent_accounts: tokens are reviewed by a Kubernetes API: set "
        "kubernetes to in-cluster or to its URL");
  }
  if (config.token_audience.empty()) return Invalid("token_audience is empty");
  return absl::OkStatus();
}

constexpr int64_t kLeastRequestsPeriodNs = 1'000'000'000;

absl::Status Check(const Config& config) {
  PLIMSOLL_RETURN_IF_ERROR(CheckProofs(config));
  const bool insecure = config.insecure_listen;
  PLIMSOLL_RETURN_IF_ERROR(CheckListen(
      "grpc_listen", config.grpc_listen,
      insecure || (config.authenticates() && !config.tls_cert_file.empty()),
      "agents are not asked who they are: that takes tls_cert_file, "
      "tls_key_file and one of agent_ca_file and agent_accounts"));
  PLIMSOLL_RETURN_IF_ERROR(
      CheckListen("http_listen", config.http_listen,
                  insecure || !config.http_token_file.empty(),
                  "without http_token_file anyone who reaches it could read"));
  if (config.state_dir.empty()) return Invalid("state_dir is empty");
  const bool asks =
      !config.requests_query.empty() || !config.requests_gauges_query.empty();
  if (config.requests_prometheus.empty() == asks) {
    return Invalid(
        "requests_prometheus and requests_query or requests_gauges_query go "
        "together, such as "
        "http://prometheus:9090 and sum by (namespace, pod, city, outcome) "
        "(http_requests_total)");
  }
  for (const auto& [key, listen] :
       {std::pair("otlp_grpc_listen", config.otlp_grpc_listen),
        std::pair("otlp_http_listen", config.otlp_http_listen)}) {
    if (listen.empty()) continue;
    PLIMSOLL_RETURN_IF_ERROR(
        CheckListen(key, listen, insecure || !config.otlp_token_file.empty(),
                    "without otlp_token_file anyone who reaches it could "
                    "count requests"));
  }
  if (config.requests_period_ns < kLeastRequestsPeriodNs) {
    return Invalid("requests_period is below the least, 1s");
  }
  return absl::OkStatus();
}

constexpr char kServiceAccount[] =
    "/var/run/secrets/kubernetes.io/serviceaccount/";

// "in-cluster" as a pod finds it:
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
absl::Status FindApi(const Environment& environment, Config* config) {
  std::string& url = config->kubernetes;
  if (url.empty() || url.rfind("http://", 0) == 0 ||
      url.rfind("https://", 0) == 0) {
    return absl::OkStatus();
  }
  const auto host = environment("KUBERNETES_SERVICE_HOST");
  if (url != "in-cluster" || !host || host->empty()) {
    return Invalid("kubernetes: \"" + url + "\" is " +
                   (url == "in-cluster"
                        ? "no pod's: KUBERNETES_SERVICE_HOST is not set"
                        : "neither in-cluster nor a URL"));
  }
  const bool ipv6 = host->find(':') != std::string::npos;
  url = "https://" + (ipv6 ? "[" + *host + "]" : *host) + ":" +
        environment("KUBERNETES_SERVICE_PORT").value_or("443");
  if (config->kubernetes_token_file.empty()) {
    config->kubernetes_token_file = std::string(kServiceAccount) + "token";
  }
  if (config->kubernetes_ca_file.empty()) {
    config->kubernetes_ca_file = std::string(kServiceAccount) + "ca.crt";
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ParseDuration(const std::string& text) {
  const auto duration_ns = ParseDurationNs(text);
  if (duration_ns) return *duration_ns;
  return Invalid("\"" + text + "\" is not a duration such as 90s, 2h or 7d");
}

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  size_t colon = text.rfind(':');
  HostPort out;
  if (colon != std::string::npos) {
    out.host = text.substr(0, colon);
    if (out.host.size() > 2 && out.host.front() == '[' &&
        out.host.back() == ']') {
      out.host = out.host.substr(1, out.host.size() - 2);
    }
    const char* begin = text.data() + colon + 1;
    const char* limit = text.data() + text.size();
    auto [end, error] = std::from_chars(begin, limit, out.port);
    if (error == std::errc() && end == limit && !out.host.empty()) return out;
  }
  return absl::InvalidArgumentError("\"" + text +
                                    "\" is not an address such as "
                                    "127.0.0.1:7070");
}

absl::StatusOr<Config> ParseConfig(const std::string& yaml,
                                   const Environment& environment) {
  Config config;
  try {
    PLIMSOLL_RETURN_IF_ERROR(SetAllFromYaml(yaml, &config));
  } catch (const YAML::Exception& error) {
    return Invalid(error.what());
  }
  PLIMSOLL_RETURN_IF_ERROR(SetAllFromEnvironment(environment, &config));
  PLIMSOLL_RETURN_IF_ERROR(FindApi(environment, &config));
  PLIMSOLL_RETURN_IF_ERROR(Check(config));
  if (config.external_url.empty()) {
    config.external_url = "http://" + config.http_listen;
  }
  while (config.external_url.back() == '/') config.external_url.pop_back();
  if (config.runbook_url.empty()) {
    config.runbook_url = config.external_url + "/runbook";
  }
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path,
                                  const Environment& environment) {
  std::stringstream text;
  if (!path.empty()) {
    std::ifstream file(path);
    if (!file) return absl::NotFoundError("config: cannot read " + path);
    text << file.rdbuf();
  }
  auto config = ParseConfig(text.str(), environment);
  if (config.ok() || path.empty()) return config;
  return absl::InvalidArgumentError(path + ": " +
                                    std::string(config.status().message()));
}

}  // namespace plimsoll::collector
