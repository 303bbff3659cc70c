// "Began with version X": the lives of the version that leaks beside those of
// the version before it, over the same ages, so that caches that fill and
// warm-up, which both have, make no difference. The version before is most
// often over by the time a leak is seen. leak-analysis 2.4 (differential
// analysis); means over lives are random effects (DerSimonian and Laird 1986).
// JudgeOnset is pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_VERSION_ONSET_H_
#define PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_VERSION_ONSET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/history/request_counts.h"
#include "collector/core/incident/incident.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

// One life of one process: memory and, where they are counted, requests.
struct VersionedLife {
  std::string version;
  int64_t start_ns = 0;
  std::vector<Sample> bytes;
  RequestSeries requests;
};

// Of the age up to which lives are compared: the first third is mostly imports
// and pools that fill.
inline constexpr double kOnsetFromAge = 1.0 / 3;

// `lives`: those of `version` and of the one before it. Requests that match
// `attributes` are what growth is taken per ("": all).
VersionOnset JudgeOnset(const std::vector<VersionedLife>& lives,
                        const std::string& version, const std::string& before,
                        const std::string& attributes);

// When a growth that the version before did not have began: onset_time.h.
void DateOnset(const std::vector<VersionedLife>& lives, VersionOnset& onset);

// Into Incident::version_onset, of the oldest version that leaks; nothing where
// no version was seen before it. Anew every few minutes, until it is told
// whether it began with the version or later.
absl::Status ReadVersionOnset(const FleetReader& reader, int64_t now_ns,
                              Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_DIAGNOSIS_VERSION_ONSET_H_
