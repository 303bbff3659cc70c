#include "collector/core/backtest/openmetrics.h"

#include <cmath>
#include <utility>

namespace plimsoll::collector {
namespace {

// Seconds would be the year 5138, milliseconds are 1973: which of the two a
// timestamp is follows from its size.
constexpr double kLeastMilliseconds = 1e11;
constexpr double kMostMilliseconds = 8e12;  // fits nanoseconds: year 2223

MetricLine Bad(std::string_view reason, std::string_view& why) {
  why = reason;
  return MetricLine::kBad;
}

}  // namespace

MetricLine ParseMetricLine(std::string_view line, MetricSample& out,
                           std::string_view& why) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  size_t at = 0;
  SkipMetricBlanks(line, at);
  line.remove_prefix(at);
  if (line.empty() || line[0] == '#') return MetricLine::kNothing;
  const size_t end = EndOfMetricSeries(line);
  if (end == std::string_view::npos) return Bad("no series", why);
  out.series = line.substr(0, end);
  at = end;
  double time = 0;
  if (!TakeMetricNumber(line, at, out.value)) return Bad("no value", why);
  SkipMetricBlanks(line, at);
  if (at == line.size() || line[at] == '#') return Bad("no timestamp", why);
  if (!TakeMetricNumber(line, at, time)) return Bad("no timestamp", why);
  SkipMetricBlanks(line, at);
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
