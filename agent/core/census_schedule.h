// When the heap of one process is looked at next. Pure; one thread.
//
// Headers (tier 2) are read every headers_period: they cost little and show
// that blocks grow even where no new memory is taken. A full census (tier 3)
// follows every census_period while something grows, and backs off to
// kMaxBackoff periods in a process where nothing does. CpuBudget decides
// whether what is due may begin.
#ifndef PLIMSOLL_AGENT_CORE_CENSUS_SCHEDULE_H_
#define PLIMSOLL_AGENT_CORE_CENSUS_SCHEDULE_H_

#include <cstdint>

namespace plimsoll::core {

enum class CensusKind : uint8_t { kNone, kHeaders, kFull };

class CensusSchedule {
 public:
  static constexpr int64_t kMaxBackoff = 20;  // periods
  // Growth that calls for a census: the more of both, so that neither a small
  // process' noise nor a large one's fluctuation does.
  static constexpr int64_t kGrowthBytes = 512 << 10;
  static constexpr double kGrowthShare = 0.005;

  CensusSchedule() = default;
  CensusSchedule(int64_t headers_period_ns, int64_t census_period_ns)
      : headers_period_ns_(headers_period_ns),
        census_period_ns_(census_period_ns),
        backoff_ns_(census_period_ns) {}

  // What is due now; a full census stands for the headers too.
  CensusKind Due(int64_t now_ns) const {
    if (now_ns >= next_census_ns_) return CensusKind::kFull;
    if (now_ns >= next_headers_ns_) return CensusKind::kHeaders;
    return CensusKind::kNone;
  }
  // For the order among processes: how long it has been due.
  int64_t OverdueNs(int64_t now_ns) const {
    return now_ns - (Due(now_ns) == CensusKind::kFull ? next_census_ns_
                                                      : next_headers_ns_);
  }

  // Tier 0 or headers said how much there is: growth brings the census near.
  void ObserveBytes(int64_t now_ns, int64_t anon_bytes) {
    Observe(now_ns, anon_bytes, anon_at_census_);
  }
  void ObserveLive(int64_t now_ns, int64_t live_bytes) {
    Observe(now_ns, live_bytes, live_at_census_);
  }

  void HeadersTaken(int64_t now_ns) {
    next_headers_ns_ = now_ns + headers_period_ns_;
  }
  void CensusTaken(int64_t now_ns, int64_t anon_bytes, int64_t live_bytes) {
    bool grew = growing_;
    growing_ = false;
    anon_at_census_ = anon_bytes;
    live_at_census_ = live_bytes;
    last_census_ns_ = now_ns;
    backoff_ns_ = grew ? census_period_ns_ : backoff_ns_ * 2;
    int64_t longest = census_period_ns_ * kMaxBackoff;
    if (backoff_ns_ > longest) backoff_ns_ = longest;
    next_census_ns_ = now_ns + backoff_ns_;
    HeadersTaken(now_ns);
  }
  // The read failed: try again after a full period.
  void Postpone(int64_t now_ns) {
    next_census_ns_ = now_ns + backoff_ns_;
    next_headers_ns_ = now_ns + headers_period_ns_;
  }
  bool growing() const { return growing_; }

 private:
  void Observe(int64_t now_ns, int64_t bytes, int64_t at_census) {
    if (at_census < 0) return;
    int64_t growth = bytes - at_census;
    double share = kGrowthShare * static_cast<double>(at_census);
    if (growth < kGrowthBytes || static_cast<double>(growth) < share) return;
    growing_ = true;
    int64_t soon = last_census_ns_ + census_period_ns_;
    if (soon < now_ns) soon = now_ns;
    if (soon < next_census_ns_) next_census_ns_ = soon;
  }

  int64_t headers_period_ns_ = 0;
  int64_t census_period_ns_ = 0;
  int64_t backoff_ns_ = 0;
  int64_t next_headers_ns_ = 0;
  int64_t next_census_ns_ = 0;
  int64_t last_census_ns_ = 0;
  int64_t anon_at_census_ = -1;  // -1: no census yet
  int64_t live_at_census_ = -1;
  bool growing_ = false;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_CENSUS_SCHEDULE_H_
