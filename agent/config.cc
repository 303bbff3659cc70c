#include "agent/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>
#include <utility>

#include "agent/config_rules.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr Unit kDurations[] = {{"ns", 1},      {"us", 1e3}, {"ms", 1e6},
                               {"s", 1e9},     {"m", 60e9}, {"h", 3'600e9},
                               {"d", 86'400e9}};
constexpr Unit kSizes[] = {{"", 1},
                           {"B", 1},
                           {"kB", 1e3},
                           {"KB", 1e3},
                           {"MB", 1e6},
                           {"GB", 1e9},
                           {"KiB", 1024},
                           {"MiB", 1024.0 * 1024},
                           {"GiB", 1024.0 * 1024 * 1024}};

template <size_t N>
absl::StatusOr<int64_t> ParseQuantity(std::string_view text,
                                      const Unit (&units)[N],
                                      const char* example) {
  double value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  if (error == std::errc() && std::isfinite(value) && value >= 0) {
    for (const Unit& known : units) {
      if (unit != known.name) continue;
      double scaled = value * known.factor;
      if (scaled < 9e18) return static_cast<int64_t>(scaled);
    }
  }
  return absl::InvalidArgumentError("\"" + std::string(text) +
                                    "\" is not like " + example);
}

absl::Status SetDuration(const std::string& text, int64_t minimum_ns,
                         int64_t& out) {
  PLIMSOLL_ASSIGN_OR_RETURN(out, ParseDuration(text));
  if (out < minimum_ns) {
    return absl::InvalidArgumentError("\"" + text + "\" is below the least, " +
                                      std::to_string(minimum_ns / 1'000'000) +
                                      "ms");
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(const std::string& text) {
  size_t colon = text.rfind(':');
  int port = 0;
  if (text.empty()) return absl::OkStatus();
  if (colon != std::string::npos && colon > 0) {
    const char* begin = text.data() + colon + 1;
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(begin, end, port);
    if (error == std::errc() && stop == end && port >= 0 && port < 65536) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError("\"" + text + "\" is not HOST:PORT");
}

absl::Status CheckApi(std::string_view text) {
  for (std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme) && text.size() > scheme.size()) {
      return absl::OkStatus();
    }
  }
  if (text.empty() || text == "in-cluster") return absl::OkStatus();
  return absl::InvalidArgumentError("\"" + std::string(text) +
                                    "\" is neither in-cluster nor a URL such "
                                    "as https://10.0.0.1:443");
}

// Every value arrives as text; lists as one item per element.
struct Key {
  std::string_view name;
  bool list;
  absl::Status (*set)(Config&, const std::vector<std::string>&);
  std::string Config::*text = nullptr;  // instead of `set`: kept as it is
};

absl::Status SetKey(const Key& key, const std::vector<std::string>& values,
                    Config& config) {
  if (key.set != nullptr) return key.set(config, values);
  config.*key.text = values[0];
  return absl::OkStatus();
}

absl::Status SetBool(const std::string& text, bool& out) {
  if (text != "true" && text != "false") {
    return absl::InvalidArgumentError("\"" + text +
                                      "\" is neither true nor false");
  }
  out = text == "true";
  return absl::OkStatus();
}

template <typename Rule>
absl::Status SetRules(const std::vector<std::string>& texts,
                      absl::StatusOr<Rule> (*parse)(std::string_view),
                      std::vector<Rule>& out) {
  out.clear();
  for (const std::string& text : texts) {
    PLIMSOLL_ASSIGN_OR_RETURN(Rule rule, parse(text));
    out.push_back(std::move(rule));
  }
  return absl::OkStatus();
}

constexpr int64_t kMinPeriodNs = 100'000'000;
constexpr int64_t kMinSpoolBytes = 1 << 20;

const Key kKeys[] = {
    {"collector", false,
     [](Config& c, const auto& v) {
       c.collector = v[0];
       return CheckAddress(v[0]);
     }},
    {"collector_ca_file", false, nullptr, &Config::collector_ca_file},
    {"collector_cert_file", false, nullptr, &Config::collector_cert_file},
    {"collector_key_file", false, nullptr, &Config::collector_key_file},
    {"collector_server_name", false, nullptr, &Config::collector_server_name},
    {"collector_token_file", false, nullptr, &Config::collector_token_file},
    {"insecure_collector", false,
     [](Config& c, const auto& v) {
       return SetBool(v[0], c.insecure_collector);
     }},
    {"listen", false,
     [](Config& c, const auto& v) {
       c.listen = v[0];
       return CheckAddress(v[0]);
     }},
    {"state_dir", false,
     [](Config& c, const auto& v) {
       c.state_dir = v[0];
       return v[0].empty() ? absl::InvalidArgumentError("must not be empty")
                           : absl::OkStatus();
     }},
    {"agent_id", false, nullptr, &Config::agent_id},
    {"cluster", false, nullptr, &Config::cluster},
    {"region", false, nullptr, &Config::region},
    {"zone", false, nullptr, &Config::zone},
    {"node", false, nullptr, &Config::node},
    {"kubernetes", false,
     [](Config& c, const auto& v) {
       c.kubernetes = v[0];
       return CheckApi(v[0]);
     }},
    {"kubernetes_token_file", false, nullptr, &Config::kubernetes_token_file},
    {"kubernetes_ca_file", false, nullptr, &Config::kubernetes_ca_file},
    {"docker_dir", false, nullptr, &Config::docker_dir},
    {"workload_rules", true,
     [](Config& c, const auto& v) {
       return SetRules(v, procfs::ParseWorkloadRule, c.workload_rules);
     }},
    {"memory_period", false,
     [](Config& c, const auto& v) {
       return SetDuration(v[0], kMinPeriodNs, c.memory_period_ns);
     }},
    {"headers_period", false,
     [](Config& c, const auto& v) {
       return SetDuration(v[0], kMinPeriodNs, c.headers_period_ns);
     }},
    {"census_period", false,
     [](Config& c, const auto& v) {
       return SetDuration(v[0], kMinPeriodNs, c.census_period_ns);
     }},
    {"cpu_budget", false,
     [](Config& c, const auto& v) {
       const char* end = v[0].data() + v[0].size();
       auto [stop, error] = std::from_chars(v[0].data(), end, c.cpu_budget);
       bool number = error == std::errc() && stop == end;
       return number && c.cpu_budget > 0 && c.cpu_budget <= 1
                  ? absl::OkStatus()
                  : absl::InvalidArgumentError(
                        "\"" + v[0] +
                        "\" is not a share of one core such as 0.05");
     }},
    {"spool_max_bytes", false,
     [](Config& c, const auto& v) {
       auto size = ParseSize(v[0]);
       if (!size.ok()) return size.status();
       c.spool_max_bytes = *size;
       return *size >= kMinSpoolBytes
                  ? absl::OkStatus()
                  : absl::InvalidArgumentError("\"" + v[0] +
                                               "\" is below the least, 1MiB");
     }},
    {"drain_timeout", false,
     [](Config& c, const auto& v) {
       return SetDuration(v[0], 0, c.drain_timeout_ns);
     }},
    {"request_labels", true,
     [](Config& c, const auto& v) {
       c.request_labels = v;
       return absl::OkStatus();
     }},
    {"request_metrics", true,
     [](Config& c, const auto& v) {
       c.request_metrics = v;
       return absl::OkStatus();
     }},
    {"request_gauges", true,
     [](Config& c, const auto& v) {
       c.request_gauges = v;
       return absl::OkStatus();
     }},
    {"request_rules", true,
     [](Config& c, const auto& v) {
       return SetRules(v, procfs::ParseRequestRule, c.request_rules);
     }},
    {"scrape_pods", false,
     [](Config& c, const auto& v) { return SetBool(v[0], c.scrape_pods); }},
};

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string NearestKey(std::string_view unknown) {
  const Key* best = &kKeys[0];
  for (const Key& key : kKeys) {
    if (EditDistance(unknown, key.name) < EditDistance(unknown, best->name)) {
      best = &key;
    }
  }
  return std::string(best->name);
}

absl::Status Name(absl::Status status, const std::string& source,
                  const std::string& key) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(source + ": " + key + ": " +
                                    std::string(status.message()));
}

absl::Status ApplyNode(const YAML::Node& node, const Key& key, Config& config) {
  std::vector<std::string> values;
  if (node.IsScalar() && !key.list) {
    values.push_back(node.Scalar());
  } else if (node.IsNull() && !key.list) {
    values.emplace_back();
  } else if (node.IsSequence() && key.list) {
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) {
        return absl::InvalidArgumentError("an item is not a word");
      }
      values.push_back(item.Scalar());
    }
  } else {
    return absl::InvalidArgumentError(key.list ? "must be a list"
                                               : "must be a single value");
  }
  return SetKey(key, values, config);
}

absl::Status ApplyYaml(const std::string& yaml, const std::string& source,
                       Config& config) {
  YAML::Node root;
  try {
    root = YAML::Load(yaml);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(source + ": " + error.what());
  }
  if (root.IsNull()) return absl::OkStatus();
  if (!root.IsMap()) {
    return absl::InvalidArgumentError(source + ": not a list of KEY: VALUE");
  }
  for (const auto& entry : root) {
    if (!entry.first.IsScalar()) {
      return absl::InvalidArgumentError(source + ": a key is not a word");
    }
    const std::string& name = entry.first.Scalar();
    auto key =
        std::find_if(std::begin(kKeys), std::end(kKeys),
                     [&](const Key& known) { return known.name == name; });
    if (key == std::end(kKeys)) {
      return absl::InvalidArgumentError(source + ": unknown key \"" + name +
                                        "\"; did you mean \"" +
                                        NearestKey(name) + "\"?");
    }
    PLIMSOLL_RETURN_IF_ERROR(
        Name(ApplyNode(entry.second, *key, config), source, name));
  }
  return absl::OkStatus();
}

absl::Status ApplyEnvironment(const Environment& environment, Config& config) {
  for (const Key& key : kKeys) {
    std::string variable = "PLIMSOLL_AGENT_";
    for (char c : key.name) {
      variable.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
    }
    auto value = environment(variable);
    if (!value) continue;
    std::vector<std::string> values;
    std::string item;
    if (key.list) {
      std::istringstream items(*value);
      while (std::getline(items, item, ',')) {
        if (!item.empty()) values.push_back(item);
      }
    } else {
      values.push_back(*value);
    }
    PLIMSOLL_RETURN_IF_ERROR(
        Name(SetKey(key, values, config), "environment", variable));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ParseDuration(std::string_view text) {
  return ParseQuantity(text, kDurations, "10s, 500ms, 5m, 2h or 7d");
}

absl::StatusOr<int64_t> ParseSize(std::string_view text) {
  return ParseQuantity(text, kSizes, "1048576, 256MiB or 1GiB");
}

absl::StatusOr<Config> ParseConfig(const std::string& yaml,
                                   const std::string& source,
                                   const Environment& environment) {
  Config config;
  PLIMSOLL_RETURN_IF_ERROR(ApplyYaml(yaml, source, config));
  PLIMSOLL_RETURN_IF_ERROR(ApplyEnvironment(environment, config));
  PLIMSOLL_RETURN_IF_ERROR(FinishConfig(environment, config));
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path,
                                  const Environment& environment) {
  if (path.empty()) return ParseConfig("", "defaults", environment);
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError("configuration " + path + " cannot be read");
  }
  std::stringstream text;
  text << file.rdbuf();
  return ParseConfig(text.str(), path, environment);
}

}  // namespace plimsoll::agent
