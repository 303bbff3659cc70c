#include "collector/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::collector {
namespace {

constexpr std::array<const char*, 9> kKeys = {
    "grpc_listen", "http_listen",   "insecure_listen",
    "state_dir",   "retention",     "max_store_bytes",
    "webhooks",    "alertmanagers", "external_url"};

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

const char* NearestKey(const std::string& key) {
  return *std::min_element(kKeys.begin(), kKeys.end(),
                           [&](const char* a, const char* b) {
                             return Distance(key, a) < Distance(key, b);
                           });
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

absl::Status Set(const std::string& key, const Value& value, Config* config) {
  if (key == "alertmanagers" || key == "webhooks") {
    (key == "webhooks" ? config->webhooks : config->alertmanagers) = value;
    return absl::OkStatus();
  }
  if (value.size() != 1) return Invalid(key + ": one value is wanted");
  const std::string& text = value[0];
  if (key == "grpc_listen") {
    config->grpc_listen = text;
  } else if (key == "http_listen") {
    config->http_listen = text;
  } else if (key == "state_dir") {
    config->state_dir = text;
  } else if (key == "external_url") {
    config->external_url = text;
  } else if (key == "insecure_listen") {
    PLIMSOLL_ASSIGN_OR_RETURN(config->insecure_listen, ParseBool(text));
  } else if (key == "retention") {
    PLIMSOLL_ASSIGN_OR_RETURN(config->retention_ns, ParseDuration(text));
  } else if (key == "max_store_bytes") {
    PLIMSOLL_ASSIGN_OR_RETURN(config->max_store_bytes, ParseInt(text));
  }
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
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end()) {
      return Invalid(where + "unknown key \"" + key + "\"; did you mean \"" +
                     NearestKey(key) + "\"?");
    }
    Value value;
    if (entry.second.IsSequence()) {
      value = entry.second.as<std::vector<std::string>>();
    } else if (!entry.second.IsNull()) {
      value.push_back(entry.second.as<std::string>());
    }
    absl::Status status = Set(key, value, config);
    if (!status.ok()) {
      return absl::InvalidArgumentError(where + key + ": " +
                                        std::string(status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status SetAllFromEnvironment(const Environment& environment,
                                   Config* config) {
  for (const char* key : kKeys) {
    std::string name = std::string("PLIMSOLL_COLLECTOR_") + key;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    std::optional<std::string> text = environment(name);
    if (!text) continue;
    Value value;
    bool is_list =
        std::string(key) == "alertmanagers" || std::string(key) == "webhooks";
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
                         bool insecure) {
  auto address = ParseHostPort(listen);
  if (!address.ok()) {
    return Invalid(std::string(key) + ": " +
                   std::string(address.status().message()));
  }
  if (insecure || IsLoopback(address->host)) return absl::OkStatus();
  return Invalid(std::string(key) + ": " + listen +
                 " is not a loopback address, and this version has no "
                 "authentication: anyone who reaches it could read and write. "
                 "Set insecure_listen: true if the network around it is "
                 "trusted.");
}

}  // namespace

absl::StatusOr<int64_t> ParseDuration(const std::string& text) {
  int64_t number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  int64_t seconds = unit == "s"   ? 1
                    : unit == "m" ? 60
                    : unit == "h" ? 3'600
                    : unit == "d" ? 86'400
                                  : 0;
  if (error != std::errc() || number <= 0 || seconds == 0 ||
      number > int64_t{36'500} * 86'400 / seconds) {
    return Invalid("\"" + text + "\" is not a duration such as 90s, 2h or 7d");
  }
  return number * seconds * 1'000'000'000 > 0
             ? absl::StatusOr<int64_t>(number * seconds * 1'000'000'000)
             : Invalid("\"" + text + "\" is too long");
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
  PLIMSOLL_RETURN_IF_ERROR(
      CheckListen("grpc_listen", config.grpc_listen, config.insecure_listen));
  PLIMSOLL_RETURN_IF_ERROR(
      CheckListen("http_listen", config.http_listen, config.insecure_listen));
  if (config.state_dir.empty()) return Invalid("state_dir is empty");
  if (config.external_url.empty()) {
    config.external_url = "http://" + config.http_listen;
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
