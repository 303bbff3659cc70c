#include "agent/heap/pool_sample.h"

#include <algorithm>

namespace plimsoll::heap {
namespace {

constexpr uint64_t kStrataBits = 7;

uint64_t Key(int32_t type, size_t stratum) {
  return static_cast<uint64_t>(static_cast<uint32_t>(type)) << kStrataBits |
         stratum;
}

}  // namespace

void PoolSample::AddHeader(uint32_t block_bytes, uint32_t live) {
  Stratum& stratum = strata_[StratumOf(block_bytes)];
  ++stratum.pools;
  stratum.blocks += live;
}

void PoolSample::BeginPool(uint32_t block_bytes, uint32_t live) {
  stratum_ = StratumOf(block_bytes);
  live_ = live;
  objects_ = 0;
  Stratum& stratum = strata_[stratum_];
  ++stratum.sampled;
  stratum.live += live_;
  stratum.live_squared += live_ * live_;
}

void PoolSample::EndPool() {
  for (const int32_t type : touched_) {
    const double y = in_pool_[static_cast<size_t>(type)];
    in_pool_[static_cast<size_t>(type)] = 0;
    objects_ += y;
    Flush(type, y);
  }
  touched_.clear();
  Flush(kAnyType, objects_);
}

void PoolSample::Flush(int32_t type, double y) {
  Sums& sums = sums_[Key(type, stratum_)];
  sums.y += y;
  sums.y_squared += y * y;
  sums.y_live += y * live_;
}

// How far one pool more may be off that is like none that was drawn: where
// nearly all pools are alike, the few that are not are often all missed.
double PoolSample::UnseenPool(const Sums& sums, const Stratum& stratum) {
  const double others = stratum.live - sums.y;
  if (sums.y <= 0) return 0;
  if (sums.y <= others) return sums.y_squared / sums.y;
  if (others < 1) return stratum.live / stratum.sampled;
  return (stratum.live_squared - 2 * sums.y_live + sums.y_squared) / others;
}

PoolSample::Estimate PoolSample::Of(int32_t type) const {
  Estimate estimate;
  for (size_t i = 0; i < strata_.size(); ++i) {
    const auto it = sums_.find(Key(type, i));
    const Stratum& s = strata_[i];
    if (it == sums_.end() || s.live <= 0) continue;
    const Sums& y = it->second;
    const double ratio = y.y / s.live;
    // The heap moves between the two passes: no more pools than were drawn.
    const double all = std::max(s.pools, s.sampled);
    const double objects = s.sampled >= all ? y.y : s.blocks * ratio;
    estimate.objects += objects;
    estimate.block_bytes += objects * 8 * static_cast<double>(i);
    if (s.sampled < 2 || s.sampled >= all) continue;
    const double spread = std::max(0.0, y.y_squared - 2 * ratio * y.y_live +
                                            ratio * ratio * s.live_squared);
    const double unseen = UnseenPool(y, s);
    estimate.variance += all * all * (1 - s.sampled / all) /
                         (s.sampled * (s.sampled - 1)) *
                         (spread + unseen * unseen);
  }
  return estimate;
}

}  // namespace plimsoll::heap
