// When the heap of one process is looked at next. Pure; one thread.
//
// Headers (tier 2) are read every headers_period while something moves, and
// less and less often, to kMaxHeadersBackoff periods, while nothing does: they
// show that blocks grow even where no new memory is taken. A full census (tier
// 3) follows every census_period while something grows, and backs off to
// kMaxBackoff periods in a process where nothing does; growth that tier 0 sees
// brings it back at once, so that the pause costs nothing that matters.
// CpuBudget decides whether what is due may begin.
#ifndef PLIMSOLL_AGENT_CORE_CENSUS_SCHEDULE_H_
#define PLIMSOLL_AGENT_CORE_CENSUS_SCHEDULE_H_

#include <algorithm>
#include <cstdint>

namespace plimsoll::core {

enum class CensusKind : uint8_t { kNone, kHeaders, kFull };

class CensusSchedule {
 public:
  static constexpr int64_t kMaxBackoff = 20;        // periods
  static constexpr int64_t kMaxHeadersBackoff = 4;  // periods
  // A pause grows by this each time that nothing was found to grow.
  static constexpr int64_t kBackoffFactor = 4;
  // Growth that calls for a census: the more of both, so that neither a small
  // process' noise nor a large one's fluctuation does.
  static constexpr int64_t kGrowthBytes = 512 << 10;
  static constexpr double kGrowthShare = 0.005;

  CensusSchedule() = default;
  // The first look is due at `now_ns`.
  CensusSchedule(int64_t headers_period_ns, int64_t census_period_ns,
                 int64_t now_ns = 0)
      : headers_period_ns_(headers_period_ns),
        census_period_ns_(census_period_ns),
        headers_backoff_ns_(headers_period_ns),
        backoff_ns_(census_period_ns),
        next_headers_ns_(now_ns),
        next_census_ns_(now_ns) {}

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

  // Tier 0 said how much there is: growth brings the census near. Before the
  // first census growth is counted from the first sample.
  void ObserveBytes(int64_t now_ns, int64_t anon_bytes) {
    if (anon_at_census_ < 0) anon_at_census_ = anon_bytes;
    Observe(now_ns, anon_bytes, anon_at_census_);
  }
  // Headers were read and say how much is alive.
  void HeadersTaken(int64_t now_ns, int64_t live_bytes) {
    Observe(now_ns, live_bytes, live_at_census_);
    headers_backoff_ns_ =
        growing_ ? headers_period_ns_
                 : std::min(headers_backoff_ns_ * 2,
                            headers_period_ns_ * kMaxHeadersBackoff);
    next_headers_ns_ = now_ns + headers_backoff_ns_;
  }
  void CensusTaken(int64_t now_ns, int64_t anon_bytes, int64_t live_bytes) {
    bool grew = growing_;
    growing_ = false;
    anon_at_census_ = anon_bytes;
    live_at_census_ = live_bytes;
    last_census_ns_ = now_ns;
    backoff_ns_ = grew ? census_period_ns_
                       : std::min(backoff_ns_ * kBackoffFactor,
                                  census_period_ns_ * kMaxBackoff);
    next_census_ns_ = now_ns + backoff_ns_;
    if (grew) headers_backoff_ns_ = headers_period_ns_;
    next_headers_ns_ = now_ns + headers_backoff_ns_;
  }
  // The read failed: try again after a full period.
  void Postpone(int64_t now_ns) {
    next_census_ns_ = now_ns + backoff_ns_;
    next_headers_ns_ = now_ns + headers_backoff_ns_;
  }
  // Something moved since the last census: a look at it comes first.
  bool growing() const { return growing_; }

 private:
  void Observe(int64_t now_ns, int64_t bytes, int64_t at_census) {
    if (at_census < 0) return;
    int64_t growth = bytes - at_census;
    double share = kGrowthShare * static_cast<double>(at_census);
    if (growth < kGrowthBytes || static_cast<double>(growth) < share) return;
    growing_ = true;
    int64_t soon = std::max(last_census_ns_ + census_period_ns_, now_ns);
    next_census_ns_ = std::min(next_census_ns_, soon);
  }

  int64_t headers_period_ns_ = 0;
  int64_t census_period_ns_ = 0;
  int64_t headers_backoff_ns_ = 0;
  int64_t backoff_ns_ = 0;
  int64_t next_headers_ns_ = 0;
  int64_t next_census_ns_ = 0;
  int64_t last_census_ns_ = 0;
  int64_t anon_at_census_ = -1;  // -1: no sample yet
  int64_t live_at_census_ = -1;
  bool growing_ = false;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_CENSUS_SCHEDULE_H_
