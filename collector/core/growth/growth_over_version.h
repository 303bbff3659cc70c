// Whether the lives of a version grow as no life of the versions before it did,
// at that age or at any later one. A life by itself may be filling for hours;
// beside those before it, that all filled the same, it is known in less than
// one (leak-analysis 2.4, differential analysis). Held against the lives before
// it are
//   - each of at least two pods: the most that one of them rose in as long, so
//     that noise, saws, load and fills of theirs are no leak;
//   - all of these together: the most that they rose together, which has to be
//     a small part of it;
// and the growth has to go on, not in one step, and from the start of the lives
// on: what came later did not come with the version. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_OVER_VERSION_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_OVER_VERSION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "collector/core/estimate.h"
#include "collector/core/growth/lives_before.h"
#include "collector/core/incident/incident_traffic.h"

namespace plimsoll::collector {

struct OverVersion {
  struct Growing {
    size_t at = 0;         // of the lives that were given
    Estimate bytes_per_s;  // over what those before gained at that age
    double z = 0;
  };
  std::vector<Growing> growing;  // of one version; empty: nothing is claimed
  double window_s = 0;
  VersionOnset onset;   // of `growing`: what is said of it
  std::string why_not;  // of the newest version and the last window; or empty
};

// Of the newest version for which it holds.
OverVersion AskVersionsBefore(const std::vector<VersionLife>& lives,
                              int64_t now_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_GROWTH_OVER_VERSION_H_
