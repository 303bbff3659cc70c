// The lines of a page that compare: traffic, regions, and how far to trust it;
// and native memory in the line "what".
#ifndef PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_LINES_H_
#define PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_LINES_H_

#include <string>

#include "collector/core/incident/incident.h"

namespace plimsoll::collector {

std::string TrafficLine(const Incident& incident);
std::string WhereLine(const Incident& incident);
std::string TrustLine(const Incident& incident);

// "native memory +12.4 MiB/min, 97 % of growth, asked for in libfoo.so"; ""
// where it is not told to be what grows.
std::string NativeWords(const Incident& incident);

// "started by hand on a terminal", of the worst process; "" where nothing says
// that a person did (by_hand.h).
std::string ByHand(const Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_LINES_H_
