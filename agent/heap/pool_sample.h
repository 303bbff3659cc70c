// Estimates from a random sample of pools: how many objects of each type, and
// with what standard error.
//
// Pools of one size class are a stratum. All headers are read, so the number of
// pools N and of live blocks L of a stratum are known; n pools are drawn
// without replacement and read in full. With y objects of a type and l live
// blocks in a pool, the estimate is L * sum(y) / sum(l), the ratio estimator,
// whose variance is N^2 (1 - n/N) / (n (n-1)) * sum((y - r l)^2), r = sum(y) /
// sum(l) (W. G. Cochran, Sampling Techniques, 3rd ed., 6.3-6.4; strata: 5.9).
// Pools are the clusters: neighbours in a pool were made together, and so the
// error is taken from the spread between pools, not from the number of blocks.
// To the sum of squares comes one pool that was not seen: as full of the rarer
// of the type and all others as the pools that have it (mean by objects). Else
// a type that is nearly alone in its class would seem to have no error at all.
//
// Pure; one owner, one thread. Memory: 50 bytes for each pair of type and size
// class that was met.
#ifndef PLIMSOLL_AGENT_HEAP_POOL_SAMPLE_H_
#define PLIMSOLL_AGENT_HEAP_POOL_SAMPLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace plimsoll::heap {

class PoolSample {
 public:
  struct Estimate {
    double objects = 0;
    double variance = 0;  // of objects
    double block_bytes = 0;
  };
  // Stands for all types together.
  static constexpr int32_t kAnyType = -1;

  // What the headers say of a stratum: adds a pool to it.
  void AddHeader(uint32_t block_bytes, uint32_t live);

  // A pool of the sample, then each of its objects.
  void BeginPool(uint32_t block_bytes, uint32_t live);
  void AddObject(int32_t type) {
    const auto index = static_cast<size_t>(type);
    if (index >= in_pool_.size()) in_pool_.resize(index + 64);
    if (in_pool_[index]++ == 0) touched_.push_back(type);
  }
  void EndPool();

  Estimate Of(int32_t type) const;

 private:
  static constexpr size_t kStrata = 65;  // by block_bytes / 8
  struct Stratum {
    double pools = 0;         // N
    double blocks = 0;        // L
    double sampled = 0;       // n
    double live = 0;          // sum(l)
    double live_squared = 0;  // sum(l^2)
  };
  struct Sums {
    double y = 0;
    double y_squared = 0;
    double y_live = 0;
  };

  static size_t StratumOf(uint32_t block_bytes) {
    return block_bytes / 8 < kStrata ? block_bytes / 8 : 0;
  }
  static double UnseenPool(const Sums& sums, const Stratum& stratum);
  void Flush(int32_t type, double y);

  std::vector<Stratum> strata_ = std::vector<Stratum>(kStrata);
  absl::flat_hash_map<uint64_t, Sums> sums_;  // by type and stratum
  size_t stratum_ = 0;
  double live_ = 0;
  double objects_ = 0;
  std::vector<uint32_t> in_pool_;  // by type
  std::vector<int32_t> touched_;
};

}  // namespace plimsoll::heap

#endif  // PLIMSOLL_AGENT_HEAP_POOL_SAMPLE_H_
