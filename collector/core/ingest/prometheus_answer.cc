#include "collector/core/ingest/prometheus_answer.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace plimsoll::collector {
namespace {

using Json = nlohmann::json;

constexpr size_t kShownBytes = 200;
constexpr double kMostUnix_s = 8e9;

// [unix seconds, "value"]
std::optional<PrometheusPoint> PointOf(const Json& pair) {
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() ||
      !pair[1].is_string()) {
    return std::nullopt;
  }
  PrometheusPoint point;
  point.unix_s = pair[0].get<double>();
  const auto& text = pair[1].get_ref<const std::string&>();
  const char* limit = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), limit, point.value);
  const bool whole = error == std::errc() && end == limit;
  if (!whole || !std::isfinite(point.value) ||
      !(point.unix_s >= 0 && point.unix_s < kMostUnix_s)) {
    return std::nullopt;
  }
  return point;
}

bool TakeLabels(const Json& row, PrometheusSeries& series) {
  const auto metric = row.find("metric");
  if (metric == row.end() || !metric->is_object()) return false;
  for (const auto& [name, value] : metric->items()) {
    if (!value.is_string()) return false;
    series.labels[name] = value.get<std::string>();
  }
  return true;
}

std::optional<PrometheusSeries> SeriesOf(const Json& row) {
  PrometheusSeries series;
  if (!row.is_object() || !TakeLabels(row, series)) return std::nullopt;
  const auto take = [&series](const Json& pair) {
    if (const auto point = PointOf(pair)) series.points.push_back(*point);
  };
  if (const auto one = row.find("value"); one != row.end()) take(*one);
  const auto many = row.find("values");
  if (many != row.end() && many->is_array()) {
    for (const Json& pair : *many) take(pair);
  }
  return series;
}

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return "";
  return found->get<std::string>();
}

}  // namespace

absl::Status NotPrometheusError(std::string_view body) {
  return absl::InternalError("this is no answer of Prometheus' query API: " +
                             std::string(body.substr(0, kShownBytes)));
}

absl::StatusOr<PrometheusAnswer> ReadPrometheusAnswer(
    std::string_view body, const std::function<void(PrometheusSeries)>& sink) {
  const Json answer = Json::parse(body, nullptr, false);
  if (!answer.is_object()) return NotPrometheusError(body);
  if (TextOf(answer, "status") == "error") {
    const std::string words = TextOf(answer, "error").substr(0, kShownBytes);
    return absl::UnavailableError("Prometheus refuses the query: " +
                                  (words.empty() ? "no word" : words));
  }
  const auto data = answer.find("data");
  if (data == answer.end() || !data->is_object()) {
    return NotPrometheusError(body);
  }
  const auto result = data->find("result");
  if (result == data->end() || !result->is_array()) {
    return NotPrometheusError(body);
  }
  PrometheusAnswer out;
  out.type = TextOf(*data, "resultType");
  for (const Json& row : *result) {
    auto series = SeriesOf(row);
    series ? ++out.series : ++out.unusable;
    if (series) sink(*std::move(series));
  }
  return out;
}

}  // namespace plimsoll::collector
