#include "collector/core/backtest/openmetrics.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace plimsoll::collector {
namespace {

constexpr size_t kMostLabels = 64;
// Seconds would be the year 5138, milliseconds are 1973: which of the two a
// timestamp is follows from its size.
constexpr double kLeastMilliseconds = 1e11;
constexpr double kMostMilliseconds = 8e12;  // fits nanoseconds: year 2223

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == ':';
}
bool IsName(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

void SkipBlanks(std::string_view text, size_t& at) {
  while (at < text.size() && IsBlank(text[at])) ++at;
}

std::string_view TakeName(std::string_view text, size_t& at) {
  const size_t from = at;
  if (at < text.size() && IsNameStart(text[at])) {
    while (at < text.size() && IsName(text[at])) ++at;
  }
  return text.substr(from, at - from);
}

// Past the closing quote; `at` stands after the opening one.
bool TakeQuoted(std::string_view text, size_t& at, std::string& out) {
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

// The end of "name{...}", without looking into it; npos when it has none.
size_t EndOfSeries(std::string_view line) {
  size_t at = 0;
  while (at < line.size() && IsName(line[at])) ++at;
  if (at == 0) return std::string_view::npos;
  size_t brace = at;
  SkipBlanks(line, brace);
  if (brace >= line.size() || line[brace] != '{') return at;
  bool quoted = false;
  for (size_t i = brace + 1; i < line.size(); ++i) {
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

// A number as the formats write it; false when it is none.
bool TakeNumber(std::string_view line, size_t& at, double& out) {
  SkipBlanks(line, at);
  if (at < line.size() && line[at] == '+') ++at;
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + at, end, out);
  if (error != std::errc()) return false;
  at = static_cast<size_t>(stop - line.data());
  return at == line.size() || IsBlank(line[at]);
}

MetricLine Bad(std::string_view reason, std::string_view& why) {
  why = reason;
  return MetricLine::kBad;
}

}  // namespace

std::string_view MetricName::Label(std::string_view label) const {
  for (const MetricLabel& l : labels) {
    if (l.name == label) return l.value;
  }
  return "";
}

bool ParseMetricName(std::string_view series, MetricName& out,
                     std::string_view& why) {
  size_t at = 0;
  out.labels.clear();
  out.name = std::string(TakeName(series, at));
  SkipBlanks(series, at);
  why = "no metric's name";
  if (out.name.empty()) return false;
  if (at == series.size()) return true;
  why = "labels are not written name=\"value\"";
  if (series[at++] != '{') return false;
  while (true) {
    SkipBlanks(series, at);
    if (at < series.size() && series[at] == '}') return at + 1 == series.size();
    MetricLabel label;
    label.name = std::string(TakeName(series, at));
    SkipBlanks(series, at);
    if (label.name.empty() || at >= series.size() || series[at++] != '=') {
      return false;
    }
    SkipBlanks(series, at);
    if (at >= series.size() || series[at++] != '"' ||
        !TakeQuoted(series, at, label.value)) {
      return false;
    }
    if (out.labels.size() >= kMostLabels) {
      why = "more than 64 labels";
      return false;
    }
    out.labels.push_back(std::move(label));
    SkipBlanks(series, at);
    if (at < series.size() && series[at] == ',') ++at;
  }
}

MetricLine ParseMetricLine(std::string_view line, MetricSample& out,
                           std::string_view& why) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  size_t at = 0;
  SkipBlanks(line, at);
  line.remove_prefix(at);
  if (line.empty() || line[0] == '#') return MetricLine::kNothing;
  const size_t end = EndOfSeries(line);
  if (end == std::string_view::npos) return Bad("no series", why);
  out.series = line.substr(0, end);
  at = end;
  double time = 0;
  if (!TakeNumber(line, at, out.value)) return Bad("no value", why);
  SkipBlanks(line, at);
  if (at == line.size() || line[at] == '#') return Bad("no timestamp", why);
  if (!TakeNumber(line, at, time)) return Bad("no timestamp", why);
  SkipBlanks(line, at);
  if (at < line.size() && line[at] != '#') {
    return Bad("more after the timestamp", why);
  }
  const double ms = time < kLeastMilliseconds ? time * 1000 : time;
  if (!(ms >= 0 && ms < kMostMilliseconds)) {
    return Bad("a timestamp of no time", why);
  }
  if (std::isnan(out.value)) return MetricLine::kNothing;
  out.time_ms = std::llround(ms);
  return MetricLine::kSample;
}

void BadLines::Add(int64_t line, std::string_view why) {
  ++count;
  if (first.size() < kNamed) first.push_back({line, std::string(why)});
}

void MetricTextReader::Feed(std::string_view chunk) {
  while (!chunk.empty()) {
    const size_t end = chunk.find('\n');
    const std::string_view part = chunk.substr(0, end);
    if (rest_.size() + part.size() > kLongestMetricLine) {
      too_long_ = true;
      rest_.clear();
    }
    if (end == std::string_view::npos) {
      if (!too_long_) rest_.append(part);
      return;
    }
    if (too_long_) {
      bad_.Add(++line_, "longer than 64 KiB");
      too_long_ = false;
    } else if (rest_.empty()) {
      TakeLine(part);
    } else {
      rest_.append(part);
      TakeLine(std::exchange(rest_, ""));
    }
    chunk.remove_prefix(end + 1);
  }
}

void MetricTextReader::Finish() {
  if (too_long_) {
    bad_.Add(++line_, "longer than 64 KiB");
  } else if (!rest_.empty()) {
    TakeLine(std::exchange(rest_, ""));
  }
  too_long_ = false;
}

void MetricTextReader::TakeLine(std::string_view line) {
  ++line_;
  MetricSample sample;
  std::string_view why;
  const MetricLine kind = ParseMetricLine(line, sample, why);
  if (kind == MetricLine::kSample) {
    why = sink_(sample);
    if (why.empty()) {
      ++samples_;
      return;
    }
  }
  if (kind != MetricLine::kNothing) bad_.Add(line_, why);
}

}  // namespace plimsoll::collector
