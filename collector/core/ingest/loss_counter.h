// What the collector itself lost, by reason of include/plimsoll/drop_reasons.h.
// Owned by the server, shared by every part; any thread may count and read.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_LOSS_COUNTER_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_LOSS_COUNTER_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "plimsoll/drop_reasons.h"

namespace plimsoll::collector {

class LossCounter {
 public:
  void Count(plimsoll_drop_reason reason, int64_t count = 1) {
    counts_[reason].fetch_add(count, std::memory_order_relaxed);
  }
  int64_t Total(plimsoll_drop_reason reason) const {
    return counts_[reason].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<int64_t>, PLIMSOLL_DROP_REASON_COUNT> counts_{};
};

// The label of a reason: "ring_full".
inline const char* DropReasonLabel(int reason) {
  switch (reason) {
#define PLIMSOLL_DROP_LABEL(name, number, label, text) \
  case number:                                         \
    return label;
    PLIMSOLL_DROP_REASONS(PLIMSOLL_DROP_LABEL)
#undef PLIMSOLL_DROP_LABEL
  }
  return "unknown";
}

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_LOSS_COUNTER_H_
