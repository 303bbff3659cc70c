// Lines of metrics text with timestamps: OpenMetrics 1.0 (seconds), as
// `promtool tsdb dump-openmetrics` writes it, and Prometheus' text format 0.0.4
// (milliseconds). The bytes are foreign: every line is bounded, a bad one is
// counted and named with its number and stops nothing.
//
//   name{label="value",...} value [timestamp] [# exemplar]
//
// Pure; one thread. Views are good until the next call.
#ifndef PLIMSOLL_COLLECTOR_CORE_BACKTEST_OPENMETRICS_H_
#define PLIMSOLL_COLLECTOR_CORE_BACKTEST_OPENMETRICS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/base/metric_text.h"

namespace plimsoll::collector {

// What it is made of is the same text that a process shows of itself.
using plimsoll::kLongestMetricLine;
using plimsoll::MetricName;
using plimsoll::ParseMetricName;

// One sample, its series not yet taken apart: the text is its identity, and
// most lines are of a series that was seen before.
struct MetricSample {
  std::string_view series;
  double value = 0;
  int64_t time_ms = 0;  // unix
};

enum class MetricLine : uint8_t { kSample, kNothing, kBad };

// One line without its end. kNothing: blank, a comment, or a stale marker
// (NaN). `why` is set when it is bad: also when it has no timestamp.
MetricLine ParseMetricLine(std::string_view line, MetricSample& out,
                           std::string_view& why);

// What could not be read, for people.
struct BadLines {
  struct Named {
    int64_t line = 0;  // from 1
    std::string why;
  };
  int64_t count = 0;
  std::vector<Named> first;  // at most kNamed
  static constexpr size_t kNamed = 5;
  void Add(int64_t line, std::string_view why);
};

// Cuts chunks of a file into lines. Memory: one line.
class MetricTextReader {
 public:
  // Returns "" when it took the sample, else why it is bad.
  using Sink = std::function<std::string_view(const MetricSample&)>;
  explicit MetricTextReader(Sink sink) : sink_(std::move(sink)) {}

  void Feed(std::string_view chunk);
  void Finish();  // the last line may have no end

  int64_t lines() const { return line_; }
  int64_t samples() const { return samples_; }
  const BadLines& bad() const { return bad_; }

 private:
  void TakeLine(std::string_view line);

  Sink sink_;
  std::string rest_;       // of a line that goes on in the next chunk
  bool too_long_ = false;  // the rest of this line is skipped
  int64_t line_ = 0;
  int64_t samples_ = 0;
  BadLines bad_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_BACKTEST_OPENMETRICS_H_
