// Made-up lives of processes, snapshot by snapshot, for tests of the analysis.
// Deterministic in (shape, seed). Memory each 10 s, a census each 30 s, as the
// agent's defaults are.
#ifndef PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_MEMORY_SHAPES_H_
#define PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_MEMORY_SHAPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/observation.h"

namespace plimsoll::collector {

inline constexpr double kMiB = 1 << 20;
inline constexpr int64_t kStartNs = 1'700'000'000'000'000'000;

enum class Shape {
  kFlat,
  kLeakSmooth,       // a little each second
  kLeakLumpy,        // a lump for each of few requests
  kLeakOnSaw,        // with a small saw on top
  kSaw,              // garbage, collected periodically
  kCacheLinear,      // fills at an even pace, then flat
  kCacheSaturating,  // fills ever slower
  kLoadRamp,         // memory follows load, request counts known
  kLoadRampBlind,    // the same without request counts
  kSawAndCache,
};

struct ShapeOptions {
  Shape shape = Shape::kFlat;
  uint64_t seed = 1;
  double limit_bytes = 512 * kMiB;
  double rate_bytes_per_s = 0;      // of a leak
  double amplitude_of_limit = 0.2;  // of a saw, a cache, a ramp
  double period_s = 60;             // of a saw; how long a cache or ramp fills
  double native_share = 0;  // of what is kept or in flight; the rest: objects
  bool malloc_read = true;  // censuses walk its chunks
  double in_flight_bytes = 0;  // deviation of what requests hold for a moment
  double life_s = 1800;
  double watched_from_s = 0;  // age at which the agent first looks
};

// Ends early when the limit is met; `oom_s` is then the age at that moment.
struct Life {
  std::vector<Observation> observations;
  double oom_s = 0;  // 0: it lived
};
Life MakeLife(const ShapeOptions& options);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_MEMORY_SHAPES_H_
