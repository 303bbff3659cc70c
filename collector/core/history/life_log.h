// One life of one process in blocks of five minutes: what the full judgement
// keeps of it. Fed with new samples only, so that a tick costs what came since
// the last one. The blocks are kept once, by who is given them: a day (9 KB),
// and as much again of what is in use where censuses are taken. Plain; not
// thread-safe.
#ifndef PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_LOG_H_
#define PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_LOG_H_

#include <cstdint>
#include <vector>

#include "collector/core/fleet.h"

namespace plimsoll::collector {

struct MemoryBlock {
  int64_t time_ns = 0;  // of its lowest sample
  double floor = 0;  // bytes: the lowest sample, of many the fifth percentile
  double peak = 0;   // the highest
  double requests = 0;  // served meanwhile; 0 too where none are counted
};

class LifeLog {
 public:
  static constexpr int64_t kBlockNs = 300'000'000'000;
  static constexpr size_t kMostBlocks = 288;

  // In time order; what is not later than the newest is left out.
  void Add(const std::vector<Sample>& samples);

  // Requests served up to the newest sample that are not in a block yet.
  void AddRequests(double requests) { open_requests_ += requests; }

  // Brings `blocks`, which is empty at first and then what the last call left,
  // up to date: at most kMostBlocks complete ones, and the one that is under
  // way once it has half its time.
  void MoveTo(std::vector<MemoryBlock>& blocks);
  int64_t newest_ns() const { return newest_ns_; }  // 0: nothing yet
  int64_t first_ns() const { return first_ns_; }
  double first_floor() const { return first_floor_; }  // of the first block
  double newest_value() const { return newest_value_; }
  // The highest level that the process came back from alive: it then gave back
  // this share or more of what it had. 0: none.
  double survived_peak() const { return survived_peak_; }

 private:
  MemoryBlock Summary() const;
  void Close();

  std::vector<MemoryBlock> closed_;  // since the last MoveTo
  bool open_was_moved_ = false;      // what is under way ended `blocks` then
  std::vector<Sample> open_;         // of the block under way
  double open_requests_ = 0;
  int64_t open_from_ns_ = 0;
  int64_t newest_ns_ = 0, first_ns_ = 0;
  double newest_value_ = 0, first_floor_ = 0;
  double highest_ = 0, survived_peak_ = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_HISTORY_LIFE_LOG_H_
