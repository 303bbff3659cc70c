// A recorded history of a fleet in memory, as the analysis reads one: what a
// Prometheus kept, or what a test made up. First samples are added in any
// order; Seal then cuts each container's memory into the lives of its process;
// after that it answers as the collector's store would have at the time that
// SetNow names: nothing later is seen.
//
// Memory: 12 bytes a sample, at most RecordingOptions::max_samples; past that
// every second sample is given up and the shortest spacing doubles, which
// thinnings() tells. Not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_BACKTEST_RECORDING_H_
#define PLIMSOLL_COLLECTOR_CORE_BACKTEST_RECORDING_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collector/core/backtest/openmetrics.h"
#include "collector/core/backtest/recorded_unit.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

struct RecordingOptions {
  std::string requests_metric;          // "": no request counter
  std::vector<std::string> attributes;  // its labels that matter
  size_t max_samples = size_t{48} << 20;
  size_t max_series = size_t{1} << 20;
};

class Recording : public FleetReader {
 public:
  explicit Recording(RecordingOptions options);

  // "" when it was taken or is of no metric that is understood; else why not.
  // The text names static storage.
  std::string_view Add(const MetricSample& sample);
  // Past max_series a series is not added; nullptr too where it is none of
  // ours. Good until Seal.
  RecordedStream* StreamOf(const MetricName& name);
  void AddTo(RecordedStream& stream, int64_t time_ms, double value);

  void Seal();
  void SetNow(int64_t now_ns) { now_ns_ = now_ns; }

  // After Seal. Every life of every process, by key - 1.
  const std::vector<RecordedLife>& lives() const { return lives_; }
  int64_t first_ns() const { return first_ns_; }  // of memory
  int64_t last_ns() const { return last_ns_; }    // -1: there is none
  int64_t series() const { return series_; }      // that were understood
  int thinnings() const { return thinnings_; }
  int64_t no_pod() const { return no_pod_; }  // series of neither pod nor job

  absl::StatusOr<std::vector<ProcessInfo>> Processes(
      int64_t since_ns) const override;
  absl::StatusOr<std::vector<SeriesName>> Series(
      ProcessKey process, const std::string& metric) const override;
  absl::StatusOr<std::vector<Sample>> Read(ProcessKey process,
                                           const SeriesName& series,
                                           int64_t from_ns,
                                           int64_t to_ns) const override;
  absl::StatusOr<std::vector<StackEvidence>> Stacks(ProcessKey, int64_t,
                                                    int64_t) const override;
  absl::StatusOr<CensusShares> Census(ProcessKey) const override;
  absl::StatusOr<std::optional<CommandState>> NewestCommand(
      ProcessKey) const override;
  std::optional<double> NodeAvailableBytes(const std::string&) const override;
  std::optional<double> NodeSwapFreeBytes(const std::string&) const override;

 private:
  void Thin();
  std::string LabelOf(const MetricName& name) const;
  RecordedUnit& UnitOf(const MetricName& name);

  const RecordingOptions options_;
  std::map<UnitName, RecordedUnit> units_;
  std::unordered_map<std::string, RecordedStream*> known_;
  std::string newest_text_;  // of the sample before, most often the same
  RecordedStream* newest_ = nullptr;
  size_t samples_ = 0;
  int64_t least_spacing_ms_ = 0;
  int thinnings_ = 0;
  int64_t series_ = 0, no_pod_ = 0;
  std::vector<RecordedLife> lives_;
  int64_t first_ns_ = 0, last_ns_ = -1, now_ns_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_BACKTEST_RECORDING_H_
