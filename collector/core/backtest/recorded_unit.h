// One container of a recorded fleet (or one target, where there are no pods):
// its series as they were recorded, and the lives that its process had.
// Plain values; not thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_BACKTEST_RECORDED_UNIT_H_
#define PLIMSOLL_COLLECTOR_CORE_BACKTEST_RECORDED_UNIT_H_

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

// Samples of one series. Times are kept in tenths of a second from the first
// one that was added: a scrape is no more exact, and it halves the memory.
class RecordedStream {
 public:
  void Add(int64_t time_ms, double value);
  // Sorted by time, one sample for each time (the last that was added).
  void Sort();
  // Gives up what is nearer to its predecessor than this; how many were.
  size_t Thin(int64_t least_spacing_ms);

  size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  int64_t time_ns(size_t i) const;
  double value(size_t i) const { return values_[i]; }
  // The first sample at or after a time; size() when there is none.
  size_t LowerBound(int64_t time_ns) const;
  // Samples with from_ns <= time < to_ns.
  std::vector<Sample> Between(int64_t from_ns, int64_t to_ns) const;

  int64_t newest_ms = INT64_MIN;  // that was added

 private:
  int64_t base_ms_ = 0;
  std::vector<int32_t> times_;
  std::vector<double> values_;
};

struct UnitName {
  std::string ns, pod, container;
  friend auto operator<=>(const UnitName&, const UnitName&) = default;
};

struct RecordedUnit {
  UnitName name;
  std::string workload, region, version;  // "" where no label says
  // Memory by source, best first in `memory()`.
  RecordedStream anon, rss, process_rss, working_set;
  RecordedStream limit, start_time, restarts;
  // Counters by attribute label ("city=a,outcome=b"); several, as other labels
  // (a method, a worker) are summed over. A deque: addresses stay.
  std::map<std::string, std::deque<RecordedStream>> counters;
  // What plimsoll itself recorded of the process, by its own names.
  std::map<SeriesName, RecordedStream> own;
  // Of `counters`, with resets taken out; filled by Finish.
  std::map<std::string, RecordedStream> requests;

  const RecordedStream& memory() const;
  // Sorts all series and sums the counters.
  void Finish();
  // Takes over what `other` has and this lacks, but not its memory: a pod's
  // labels, counters and start time are often recorded without a container.
  void Adopt(RecordedUnit& other);
};

// One life of the process of a unit.
struct RecordedLife {
  ProcessInfo info;  // last_seen_ns is that of the whole recording
  const RecordedUnit* unit = nullptr;
  int64_t from_ns = 0, to_ns = 0;  // from <= time < to
  bool ended = false;              // another life follows, or no samples did
};

// Lives by start times where they are recorded, else by restart counts, else
// by falls of memory to where the process once began. `end_ns` is the last
// sample of the whole recording.
std::vector<RecordedLife> LivesOf(const RecordedUnit& unit, int64_t begin_ns,
                                  int64_t end_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_BACKTEST_RECORDED_UNIT_H_
