#include "agent/workload/uwsgi_stats.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace plimsoll::workload {
namespace {

using nlohmann::json;

constexpr size_t kMostWorkers = 4096;
constexpr size_t kMostIniFiles = 4;
constexpr size_t kMostPathBytes = 100;  // a unix socket's is shorter than 108
constexpr int kMaxPort = 65535;

std::optional<double> NumberAt(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number()) return std::nullopt;
  const double value = it->get<double>();
  return std::isfinite(value) && value >= 0 ? std::optional(value)
                                            : std::nullopt;
}

std::string_view Strip(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\"'");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\"'") - begin + 1);
}

// One option by its name without dashes; `value` may be "".
void TakeOption(std::string_view name, std::string_view value,
                UwsgiOptions& options) {
  if (name == "stats" || name == "stats-server") {
    if (options.stats.empty()) options.stats = std::string(value);
  } else if (name == "stats-http") {
    options.http = value.empty() || value == "true" || value == "1";
  } else if (name == "ini" && !value.empty() &&
             options.ini_files.size() < kMostIniFiles) {
    // "app.ini:section": another section would have to be read.
    options.ini_files.emplace_back(value);
  }
}

bool WantsValue(std::string_view name) {
  return name == "stats" || name == "stats-server" || name == "ini";
}

}  // namespace

absl::StatusOr<std::vector<UwsgiWorker>> ParseUwsgiStats(
    std::string_view text) {
  if (text.starts_with("HTTP/")) {
    const size_t body = text.find("\r\n\r\n");
    text = body == std::string_view::npos ? "" : text.substr(body + 4);
  }
  const json stats = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!stats.is_object() || !stats.contains("workers") ||
      !stats["workers"].is_array()) {
    return absl::InvalidArgumentError(
        "what its stats server says is not uWSGI's statistics");
  }
  std::vector<UwsgiWorker> workers;
  for (const json& row : stats["workers"]) {
    if (workers.size() >= kMostWorkers) break;
    if (!row.is_object()) continue;
    const auto pid = NumberAt(row, "pid");
    auto requests = NumberAt(row, "delta_requests");
    if (!requests) requests = NumberAt(row, "requests");
    if (!pid || *pid < 1 || *pid > INT32_MAX || !requests) continue;
    workers.push_back({static_cast<int32_t>(*pid), *requests});
  }
  return workers;
}

UwsgiOptions ParseUwsgiArguments(const std::vector<std::string>& arguments) {
  UwsgiOptions options;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (!word.starts_with("--")) {
      // uWSGI takes a bare "app.ini" as its configuration.
      if (word.ends_with(".ini")) TakeOption("ini", word, options);
      continue;
    }
    const size_t equals = word.find('=');
    const std::string_view name =
        word.substr(2, equals == std::string_view::npos ? equals : equals - 2);
    if (equals != std::string_view::npos) {
      TakeOption(name, word.substr(equals + 1), options);
    } else if (WantsValue(name)) {
      if (i + 1 < arguments.size()) TakeOption(name, arguments[++i], options);
    } else {
      TakeOption(name, "", options);
    }
  }
  return options;
}

UwsgiOptions ParseUwsgiIni(std::string_view text) {
  UwsgiOptions options;
  bool ours = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = Strip(text.substr(0, end));
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (line.empty() || line[0] == ';' || line[0] == '#') continue;
    if (line[0] == '[') {
      ours = line == "[uwsgi]";
      continue;
    }
    const size_t equals = line.find('=');
    if (!ours || equals == std::string_view::npos) continue;
    TakeOption(Strip(line.substr(0, equals)), Strip(line.substr(equals + 1)),
               options);
  }
  options.ini_files.clear();
  return options;
}

absl::StatusOr<StatsAddress> ParseStatsAddress(std::string_view text) {
  const auto bad = [](std::string why) {
    return absl::InvalidArgumentError("the address of its stats server " +
                                      std::move(why));
  };
  if (text.empty() || text.size() > kMostPathBytes) {
    return bad("is empty or too long");
  }
  if (text.find('%') != std::string_view::npos ||
      text.find("$(") != std::string_view::npos) {
    return bad("has a placeholder: name it by a rule (request_rules)");
  }
  StatsAddress address;
  if (text[0] == '@') {
    address.kind = StatsAddress::Kind::kAbstract;
    address.path = std::string(text.substr(1));
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    address.path = std::string(text);
    return address;
  }
  const std::string_view port = text.substr(colon + 1);
  const char* const end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data(), end, address.port);
  if (error != std::errc() || stop != end || address.port <= 0 ||
      address.port > kMaxPort) {
    return bad("has no port");
  }
  address.kind = StatsAddress::Kind::kPort;
  return address;
}

}  // namespace plimsoll::workload
