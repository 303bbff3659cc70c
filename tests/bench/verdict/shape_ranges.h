// What the traits of a made-up workload are drawn from. `verdict_bench
// --ranges` prints them, and fit_shapes.py holds them against programs that
// were recorded: each range holds what was measured of them
// (docs/measurement/recordings.md).
#ifndef PLIMSOLL_TESTS_BENCH_VERDICT_SHAPE_RANGES_H_
#define PLIMSOLL_TESTS_BENCH_VERDICT_SHAPE_RANGES_H_

namespace plimsoll::bench {

struct Range {
  const char* shape;
  const char* trait;  // sizes are shares of the limit unless it says else
  double lo, hi;
  bool log = false;  // drawn evenly by its logarithm
};

namespace range {
inline constexpr Range kBase{"any", "base", 0.02, 0.5};
inline constexpr Range kNoise{"flat", "noise_of_base", 0.0001, 0.015, true};
inline constexpr Range kNoise_s{"flat", "noise_s", 30, 1800, true};
inline constexpr Range kSaw{"saw", "tooth", 0.01, 0.12};
inline constexpr Range kSaw_s{"saw", "tooth_s", 120, 3600, true};
inline constexpr Range kWarm{"warm-up", "rise", 0.03, 0.47};
inline constexpr Range kWarm_s{"warm-up", "rise_s", 120, 2400, true};
inline constexpr Range kCache{"cache", "fill", 0.05, 0.47};
inline constexpr Range kEvenCache_h{"cache", "even_fill_h", 1, 6};
inline constexpr Range kSlowingCache_h{"cache", "slowing_fill_h", 0.4, 2.2};
inline constexpr Range kPressure_per_h{"pressure", "rise_per_h", 0.02, 0.3,
                                       true};
inline constexpr Range kPressureTop{"pressure", "top", 0.65, 0.92};
inline constexpr Range kGivenBack{"pressure", "given_back", 0.3, 0.8};
inline constexpr Range kStep{"step", "step", 0.03, 0.3};
inline constexpr Range kStepAt{"step", "at_of_history", 0.1, 0.9};
inline constexpr Range kLoad{"diurnal", "at_full_load", 0.025, 0.32};
inline constexpr Range kLoadDepth{"diurnal", "depth", 0.2, 0.8};
inline constexpr Range kHighWater{"high-water", "highest", 0.03, 0.36};
}  // namespace range

inline constexpr const Range* kRanges[] = {
    &range::kBase,           &range::kNoise,
    &range::kNoise_s,        &range::kSaw,
    &range::kSaw_s,          &range::kWarm,
    &range::kWarm_s,         &range::kCache,
    &range::kEvenCache_h,    &range::kSlowingCache_h,
    &range::kPressure_per_h, &range::kPressureTop,
    &range::kGivenBack,      &range::kStep,
    &range::kStepAt,         &range::kLoad,
    &range::kLoadDepth,      &range::kHighWater};

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERDICT_SHAPE_RANGES_H_
