#include "cli/prometheus_answer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace plimsoll::cli {
namespace {

using nlohmann::json;

constexpr size_t kShownBytes = 200;

absl::Status NotPrometheus(std::string_view body) {
  return absl::InternalError(
      absl::StrCat("this is no answer of Prometheus' query API: ",
                   std::string(body.substr(0, kShownBytes))));
}

void AppendQuoted(std::string& out, const std::string& value) {
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  out += '"';
}

// name{label="value",...}; "" when it is no series.
std::string SeriesText(const json& metric) {
  if (!metric.is_object()) return "";
  const auto name = metric.find("__name__");
  if (name == metric.end() || !name->is_string()) return "";
  std::string out = name->get<std::string>() + "{";
  for (const auto& [label, value] : metric.items()) {
    if (label == "__name__" || !value.is_string()) continue;
    if (out.back() != '{') out += ',';
    out += label + "=";
    AppendQuoted(out, value.get<std::string>());
  }
  return out + "}";
}

// [unix seconds, "value"]
bool TakePair(const json& pair, collector::MetricSample& sample) {
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() ||
      !pair[1].is_string()) {
    return false;
  }
  const double ms = pair[0].get<double>() * 1000;
  if (!(ms >= 0 && ms < 8e12)) return false;
  sample.time_ms = std::llround(ms);
  return absl::SimpleAtod(pair[1].get_ref<const std::string&>(),
                          &sample.value) &&
         std::isfinite(sample.value);
}

}  // namespace

absl::StatusOr<int64_t> ReadPrometheusAnswer(
    std::string_view body,
    const std::function<void(const collector::MetricSample&)>& sink) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return NotPrometheus(body);
  if (answer.value("status", json()) == "error") {
    const json error = answer.value("error", json(""));
    return absl::UnavailableError(
        absl::StrCat("Prometheus refuses the query: ",
                     error.is_string() ? error.get<std::string>() : "no word"));
  }
  const auto data = answer.find("data");
  if (data == answer.end() || !data->is_object()) return NotPrometheus(body);
  const auto result = data->find("result");
  if (result == data->end() || !result->is_array()) return NotPrometheus(body);
  int64_t samples = 0;
  for (const json& row : *result) {
    if (!row.is_object()) return NotPrometheus(body);
    const std::string series = SeriesText(row.value("metric", json()));
    if (series.empty()) continue;
    collector::MetricSample sample;
    sample.series = series;
    const auto take = [&](const json& pair) {
      if (!TakePair(pair, sample)) return;
      sink(sample);
      ++samples;
    };
    if (const auto one = row.find("value"); one != row.end()) take(*one);
    const auto values = row.find("values");
    if (values == row.end() || !values->is_array()) continue;
    for (const json& pair : *values) take(pair);
  }
  return samples;
}

std::string PrometheusQueryPath(std::string_view query, double at_unix_s) {
  std::string out = "/api/v1/query?query=";
  for (const char c : query) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '_' || c == ':';
    if (plain) {
      out += c;
    } else {
      absl::StrAppend(
          &out, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return absl::StrCat(out, "&time=", absl::StrFormat("%.3f", at_unix_s));
}

}  // namespace plimsoll::cli
