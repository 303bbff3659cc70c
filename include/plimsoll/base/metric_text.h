// Pieces of one line of metrics text, as Prometheus' text formats 0.0.4 and
// 1.0.0 and OpenMetrics 1.0 write it:
//
//   name{label="value",...} value [timestamp] [# exemplar]
//   {"name of any text","label of any text"="value",...} value ...
//
// Agent and collector read different lines of it (now, and of a history); these
// are what they share. Pure; any thread. The bytes are foreign: nothing is
// believed, and `at` never passes the end. Formats:
// https://prometheus.io/docs/instrumenting/exposition_formats/ and
// https://github.com/OpenObservability/OpenMetrics, specification 1.0.
#ifndef PLIMSOLL_BASE_METRIC_TEXT_H_
#define PLIMSOLL_BASE_METRIC_TEXT_H_

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace plimsoll {

inline constexpr size_t kLongestMetricLine = 64 << 10;
inline constexpr size_t kMostMetricLabels = 64;

struct MetricLabel {
  std::string name, value;
};

// The part of a line up to its value, taken apart.
struct MetricName {
  std::string name;
  std::vector<MetricLabel> labels;
  // "" when there is none of that name.
  std::string_view Label(std::string_view label) const {
    for (const MetricLabel& l : labels) {
      if (l.name == label) return l.value;
    }
    return "";
  }
};

inline bool IsMetricNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == ':';
}
inline bool IsMetricNameChar(char c) {
  return IsMetricNameStart(c) || (c >= '0' && c <= '9');
}
inline bool IsMetricBlank(char c) { return c == ' ' || c == '\t'; }

inline void SkipMetricBlanks(std::string_view text, size_t& at) {
  while (at < text.size() && IsMetricBlank(text[at])) ++at;
}

// A name without quotes; "" when there is none.
inline std::string_view TakeMetricWord(std::string_view text, size_t& at) {
  const size_t from = at;
  if (at < text.size() && IsMetricNameStart(text[at])) {
    while (at < text.size() && IsMetricNameChar(text[at])) ++at;
  }
  return text.substr(from, at - from);
}

// Past the closing quote; `at` stands after the opening one.
inline bool TakeMetricQuoted(std::string_view text, size_t& at,
                             std::string& out) {
  out.clear();
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (c == '"') {
      ++at;
      return true;
    }
    if (c == '\\' && at + 1 < text.size()) {
      c = text[++at];
      if (c == 'n') c = '\n';
    }
    out.push_back(c);
  }
  return false;
}

// A name with quotes or without.
inline bool TakeMetricTerm(std::string_view text, size_t& at, bool& quoted,
                           std::string& out) {
  quoted = at < text.size() && text[at] == '"';
  if (quoted) return TakeMetricQuoted(text, ++at, out) && !out.empty();
  out = std::string(TakeMetricWord(text, at));
  return !out.empty();
}

// A number as the formats write it, up to a blank or the end; false when it is
// none.
inline bool TakeMetricNumber(std::string_view line, size_t& at, double& out) {
  SkipMetricBlanks(line, at);
  if (at < line.size() && line[at] == '+') ++at;
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + at, end, out);
  if (error != std::errc()) return false;
  at = static_cast<size_t>(stop - line.data());
  return at == line.size() || IsMetricBlank(line[at]);
}

// The end of "name{...}", without looking into it; npos when it has none.
inline size_t EndOfMetricSeries(std::string_view line) {
  size_t at = 0;
  while (at < line.size() && IsMetricNameChar(line[at])) ++at;
  size_t brace = at;
  SkipMetricBlanks(line, brace);
  if (brace >= line.size() || line[brace] != '{') {
    return at == 0 ? std::string_view::npos : at;
  }
  size_t inside = brace + 1;
  SkipMetricBlanks(line, inside);
  if (at == 0 && (inside >= line.size() || line[inside] != '"')) {
    return std::string_view::npos;
  }
  bool quoted = false;
  for (size_t i = inside; i < line.size(); ++i) {
    if (quoted && line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && line[i] == '}') {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// False when `series` is no "name", "name{labels}" or "{"name",labels}"; `why`
// then says so.
inline bool ParseMetricName(std::string_view series, MetricName& out,
                            std::string_view& why) {
  size_t at = 0;
  out.labels.clear();
  out.name = std::string(TakeMetricWord(series, at));
  SkipMetricBlanks(series, at);
  why = "no metric's name";
  if (at == series.size()) return !out.name.empty();
  if (out.name.empty() && series[at] != '{') return false;
  why = "labels are not written name=\"value\"";
  if (series[at++] != '{') return false;
  while (true) {
    SkipMetricBlanks(series, at);
    if (at < series.size() && series[at] == '}') {
      if (out.name.empty()) why = "no metric's name";
      return !out.name.empty() && at + 1 == series.size();
    }
    MetricLabel label;
    bool quoted = false;
    if (!TakeMetricTerm(series, at, quoted, label.name)) return false;
    SkipMetricBlanks(series, at);
    const bool has_value = at < series.size() && series[at] == '=';
    if (quoted && out.name.empty() && !has_value) {
      out.name = std::move(label.name);
    } else {
      if (!has_value) return false;
      SkipMetricBlanks(series, ++at);
      if (at >= series.size() || series[at++] != '"' ||
          !TakeMetricQuoted(series, at, label.value)) {
        return false;
      }
      if (out.labels.size() >= kMostMetricLabels) {
        why = "more than 64 labels";
        return false;
      }
      out.labels.push_back(std::move(label));
    }
    SkipMetricBlanks(series, at);
    if (at < series.size() && series[at] == ',') ++at;
  }
}

}  // namespace plimsoll

#endif  // PLIMSOLL_BASE_METRIC_TEXT_H_
