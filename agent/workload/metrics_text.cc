#include "agent/workload/metrics_text.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>

#include "plimsoll/base/metric_text.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::workload {
namespace {

constexpr size_t kMostShownBytes = 60;
// A target that declares more families than this is answered with fewer types:
// what has none counts as untyped.
constexpr size_t kMostTypes = 50'000;

std::string_view Strip(std::string_view text) {
  while (!text.empty() && IsMetricBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsMetricBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool CutSuffix(std::string_view suffix, std::string_view& text) {
  if (!text.ends_with(suffix) || text.size() == suffix.size()) return false;
  text.remove_suffix(suffix.size());
  return true;
}

class TextParser {
 public:
  TextParser(MetricsFormat format, const RequestFilter& filter)
      : open_(format == MetricsFormat::kOpenMetrics), filter_(filter) {}

  // "" or why the line is bad.
  std::string_view Take(std::string_view line);
  bool ended() const { return ended_; }
  bool full() const { return text_.counts.size() > kMostCounters; }
  MetricsText& text() { return text_; }

 private:
  std::string_view TakeComment(std::string_view line);
  std::string_view TakeSample(std::string_view line);
  void TakeEvidence(const MetricName& name, double value);
  std::string TypeOf(std::string_view name) const;
  bool IsCounter(std::string_view name) const;

  const bool open_;
  const RequestFilter& filter_;
  bool ended_ = false;                                  // # EOF was there
  std::unordered_map<std::string, std::string> types_;  // by family
  MetricName name_;
  MetricsText text_;
};

std::string_view TextParser::Take(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (ended_) return "more after # EOF";
  line = Strip(line);
  if (line.empty()) return "";
  return line[0] == '#' ? TakeComment(line) : TakeSample(line);
}

// "# TYPE name type" and "# EOF"; HELP, UNIT and remarks say nothing here.
std::string_view TextParser::TakeComment(std::string_view line) {
  if (open_ && line == "# EOF") {
    ended_ = true;
    return "";
  }
  size_t at = 1;
  SkipMetricBlanks(line, at);
  if (TakeMetricWord(line, at) != "TYPE") return "";
  SkipMetricBlanks(line, at);
  std::string family;
  bool quoted = false;
  if (!TakeMetricTerm(line, at, quoted, family)) return "a TYPE of no metric";
  if (types_.size() < kMostTypes) {
    types_[std::move(family)] = std::string(Strip(line.substr(at)));
  }
  return "";
}

std::string TextParser::TypeOf(std::string_view name) const {
  const auto known = types_.find(std::string(name));
  return known == types_.end() ? "" : known->second;
}

// OpenMetrics types the family "x" of a counter "x_total"; the older formats
// the sample itself. What nobody typed is believed by its name.
bool TextParser::IsCounter(std::string_view name) const {
  if (const std::string type = TypeOf(name); !type.empty()) {
    return type == "counter" || type == "untyped" || type == "unknown";
  }
  std::string_view family = name;
  if (CutSuffix("_total", family)) {
    const std::string type = TypeOf(family);
    return type.empty() || type == "counter" || type == "unknown";
  }
  for (const std::string_view suffix : {"_bucket", "_sum", "_created"}) {
    family = name;
    if (CutSuffix(suffix, family)) return false;
  }
  family = name;
  if (CutSuffix("_count", family)) {
    const std::string type = TypeOf(family);
    return type.empty() || type == "histogram" || type == "summary";
  }
  return true;
}

void TextParser::TakeEvidence(const MetricName& name, double value) {
  if (name.name == "process_start_time_seconds") text_.start_unix_s = value;
  if (name.name == "process_pid") text_.pid = value;
  std::string_view base = name.name;
  if (!CutSuffix("_created", base)) return;
  if (filter_.Wants(base) || filter_.Wants(std::string(base) + "_total")) {
    text_.first_created_unix_s =
        std::min(value, text_.first_created_unix_s.value_or(value));
  }
}

std::string_view TextParser::TakeSample(std::string_view line) {
  const size_t end = EndOfMetricSeries(line);
  if (end == std::string_view::npos) return "no series";
  size_t at = end;
  double value = 0;
  if (!TakeMetricNumber(line, at, value)) return "no value";
  SkipMetricBlanks(line, at);
  double time = 0;
  const auto at_exemplar = [&] { return open_ && line[at] == '#'; };
  if (at < line.size() && !at_exemplar()) {
    if (!TakeMetricNumber(line, at, time)) return "no timestamp";
    SkipMetricBlanks(line, at);
    if (at < line.size() && !at_exemplar()) return "more after the timestamp";
  }
  std::string_view why;
  if (!ParseMetricName(line.substr(0, end), name_, why)) return why;
  ++text_.samples;
  if (!std::isfinite(value) || value < 0) return "";
  TakeEvidence(name_, value);
  core::RequestCount count;
  count.gauge = TypeOf(name_.name) == "gauge";
  if (!count.gauge && (!filter_.Wants(name_.name) || !IsCounter(name_.name))) {
    return "";
  }
  count.metric = name_.name;
  count.value = value;
  for (MetricLabel& label : name_.labels) {
    count.attributes.emplace_back(std::move(label.name),
                                  std::move(label.value));
  }
  if (!count.gauge || filter_.WantsGauge(count)) {
    text_.counts.push_back(std::move(count));
  }
  return "";
}

}  // namespace

absl::StatusOr<MetricsFormat> ParseMetricsContentType(std::string_view type) {
  const size_t semicolon = type.find(';');
  const std::string kind = Lower(Strip(type.substr(0, semicolon)));
  if (kind == "application/openmetrics-text") {
    return MetricsFormat::kOpenMetrics;
  }
  if (kind.empty() || kind == "text/plain") return MetricsFormat::kText;
  std::string shown = kind.substr(0, kMostShownBytes);
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return absl::InvalidArgumentError("it answers " + shown +
                                    ", which is no metrics text");
}

absl::StatusOr<MetricsText> ParseMetricsText(std::string_view text,
                                             MetricsFormat format,
                                             const RequestFilter& filter) {
  TextParser parser(format, filter);
  int64_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    ++number;
    const std::string_view why = line.size() > kLongestMetricLine
                                     ? "longer than 64 KiB"
                                     : parser.Take(line);
    if (!why.empty()) {
      return absl::InvalidArgumentError("its metrics, line " +
                                        std::to_string(number) + ": " +
                                        std::string(why));
    }
    if (parser.full()) {
      return absl::OutOfRangeError("its metrics have over " +
                                   std::to_string(kMostCounters) +
                                   " request counters and gauges");
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (format == MetricsFormat::kOpenMetrics && !parser.ended()) {
    return absl::InvalidArgumentError("its metrics are cut: no # EOF");
  }
  return std::move(parser.text());
}

}  // namespace plimsoll::workload
