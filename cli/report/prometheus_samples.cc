#include "cli/report/prometheus_samples.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "collector/core/ingest/prometheus_answer.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr char kName[] = "__name__";

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

// name{label="value",...}; "" when it has no name.
std::string SeriesText(const collector::PrometheusSeries& series) {
  const auto name = series.labels.find(kName);
  if (name == series.labels.end()) return "";
  std::string out = name->second + "{";
  for (const auto& [label, value] : series.labels) {
    if (label == kName) continue;
    if (out.back() != '{') out += ',';
    out += label + "=";
    AppendQuoted(out, value);
  }
  return out + "}";
}

}  // namespace

absl::StatusOr<int64_t> ReadPrometheusSamples(
    std::string_view body,
    const std::function<void(const collector::MetricSample&)>& sink) {
  int64_t samples = 0;
  const auto take = [&](const collector::PrometheusSeries& series) {
    const std::string text = SeriesText(series);
    if (text.empty()) return;
    collector::MetricSample sample;
    sample.series = text;
    for (const collector::PrometheusPoint& point : series.points) {
      sample.time_ms = std::llround(point.unix_s * 1000);
      sample.value = point.value;
      sink(sample);
      ++samples;
    }
  };
  PLIMSOLL_ASSIGN_OR_RETURN(const collector::PrometheusAnswer answer,
                            collector::ReadPrometheusAnswer(body, take));
  if (answer.series == 0 && answer.unusable > 0) {
    return collector::NotPrometheusError(body);
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
