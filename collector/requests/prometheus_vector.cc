#include "collector/requests/prometheus_vector.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace plimsoll::collector::requests {
namespace {

using Json = nlohmann::json;

constexpr size_t kShownBytes = 200;

absl::Status NotPrometheus(std::string_view body) {
  return absl::InternalError("this is no answer of Prometheus' query API: " +
                             std::string(body.substr(0, kShownBytes)));
}

// [unix seconds, "value"]
std::optional<double> ValueOf(const Json& pair) {
  if (!pair.is_array() || pair.size() != 2 || !pair[1].is_string()) {
    return std::nullopt;
  }
  const auto& text = pair[1].get_ref<const std::string&>();
  double value = 0;
  const char* limit = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), limit, value);
  if (error != std::errc() || end != limit) return std::nullopt;
  if (!std::isfinite(value) || value < 0) return std::nullopt;
  return value;
}

// False: it cannot be used.
bool TakeLabels(const Json& metric, PodCount& count) {
  if (!metric.is_object()) return false;
  for (const auto& [name, value] : metric.items()) {
    if (name == "__name__") continue;
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    if (name.size() > kMostLabelBytes || text.size() > kMostLabelBytes) {
      return false;
    }
    if (name == "namespace") {
      count.ns = text;
    } else if (name == "pod") {
      count.pod = text;
    } else if (name == "cluster") {
      count.cluster = text;
    } else if (name == "container") {
      count.container = text;
    } else {
      count.attributes[name] = text;
    }
  }
  return count.attributes.size() <= kMostAttributes;
}

void TakeRow(const Json& row, PodCounts& out) {
  PodCount count;
  const auto metric = row.is_object() ? row.find("metric") : row.end();
  const auto pair = row.is_object() ? row.find("value") : row.end();
  if (!row.is_object() || metric == row.end() || pair == row.end() ||
      out.counts.size() >= kMostSeries || !TakeLabels(*metric, count)) {
    ++out.unusable;
    return;
  }
  const auto value = ValueOf(*pair);
  if (!value) {
    ++out.unusable;
  } else if (count.ns.empty() || count.pod.empty()) {
    ++out.without_pod;
  } else {
    count.value = *value;
    out.counts.push_back(std::move(count));
  }
}

}  // namespace

absl::StatusOr<PodCounts> ReadPodCounts(std::string_view body) {
  const Json answer = Json::parse(body, nullptr, false);
  if (!answer.is_object()) return NotPrometheus(body);
  if (answer.value("status", Json()) == "error") {
    const Json error = answer.value("error", Json(""));
    return absl::UnavailableError(
        "Prometheus refuses the query: " +
        (error.is_string() ? error.get<std::string>().substr(0, kShownBytes)
                           : std::string("no word")));
  }
  const auto data = answer.find("data");
  if (data == answer.end() || !data->is_object()) return NotPrometheus(body);
  const auto result = data->find("result");
  if (result == data->end() || !result->is_array()) return NotPrometheus(body);
  if (data->value("resultType", Json()) != "vector") {
    return absl::InternalError(
        "the query gives no instant vector: it shall give one value for each "
        "pod and attributes, such as sum by (namespace, pod, city) "
        "(http_requests_total)");
  }
  PodCounts out;
  for (const Json& row : *result) TakeRow(row, out);
  return out;
}

}  // namespace plimsoll::collector::requests
