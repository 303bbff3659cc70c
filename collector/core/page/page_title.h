// The title of a page: how fast, where, how long until the kill, how many.
//
// Pure; any thread.
#ifndef PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_TITLE_H_
#define PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_TITLE_H_

#include <string>

#include "collector/core/incident/incident.h"

namespace plimsoll::collector {

// "routing-api leaks 9.9 MiB/min per pod in eu-west-3 (95 % CI 9.1-10.7); OOM
// in 18-22 min on 3 of 3 pods": in plain text, with nothing of it escaped.
std::string PageTitle(const Incident& incident);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_PAGE_PAGE_TITLE_H_
