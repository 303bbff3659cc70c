// Made-up workloads that go from one version to the next, with a leak that came
// with the new one, was in both, or came at another time, or with none.
// Deterministic in the seed; sizes, rates and times are drawn.
#ifndef PLIMSOLL_TESTS_BENCH_VERSIONS_VERSION_MAKER_H_
#define PLIMSOLL_TESTS_BENCH_VERSIONS_VERSION_MAKER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::bench {

enum class Rollout : uint8_t {
  kAll,     // all pods are replaced, one after the other
  kCanary,  // half of them stay as they are
};

enum class Leaks : uint8_t {
  kNew,        // only the new version
  kBoth,       // both, from the start of each life
  kBothByDay,  // both, per request, and it is deployed before a busier time
  kLater,      // from some time after the deploy on, whatever the version
  kOnePod,     // one pod of the new version
  kNone,
};

enum class Healthy : uint8_t { kFlat, kWarmUp, kCache, kSaw, kLoad };

struct VersionCell {
  const char* name = "";
  Leaks leaks = Leaks::kNew;
  Rollout rollout = Rollout::kAll;
  Healthy healthy = Healthy::kFlat;
  int pods = 3;
  bool counted = false;      // requests
  double percent_per_h = 5;  // of the limit
  // Healthy::kLoad: so much of the limit follows the load, as it is at its
  // mean; the deploy comes so many hours after the least of it (drawn).
  double load = 0.1;
  double after_least_from_h = 2, after_least_to_h = 2;
  double before_h = 0;  // for which the old version was seen before the start
};

struct MadeLook {
  double t_s = 0, bytes = 0, requests = 0;
  double healthy_bytes = 0;  // of these, without the leak and the noise
};

// One life of one pod, looked at each kLookEvery_s.
struct MadePod {
  std::string name, version;
  double from_s = 0, to_s = 0;
  bool leaks = false;
  std::vector<MadeLook> looks;
};

struct MadeVersions {
  std::vector<MadePod> pods;
  bool began_with_new = false;
  double deploy_s = 0, second_pod_s = 0;
  double later_s = 0;      // Leaks::kLater: since when
  double noise_bytes = 0;  // standard deviation
};

inline constexpr const char* kOldVersion = "1.4";
inline constexpr const char* kNewVersion = "1.5";
inline constexpr double kVersionHours = 14, kLookEvery_s = 15;
inline constexpr double kVersionLimit = 1e9;
// Of the noise from one look to the next: it is over in eight minutes.
inline constexpr double kNoiseFollows = 0.97;

MadeVersions MakeVersions(const VersionCell& cell, uint64_t seed);

}  // namespace plimsoll::bench

#endif  // PLIMSOLL_TESTS_BENCH_VERSIONS_VERSION_MAKER_H_
