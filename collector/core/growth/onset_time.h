// When the growth of a version's lives began: with the lives themselves, or at
// a time later than the first of them. What began an hour after a deploy, in
// all pods at once, need not be the version's: traffic, a dependency and a
// flag come later too, and where every pod was replaced no life of the version
// before is left to show it.
//
// Both are held against what was seen, each time of onset as likely as any
// other before anything is looked at (Bayes; a change point: Barry and Hartigan
// 1993, of one change). A life is what those before it had at that age, and a
// leak at a pace of its own from the onset on, which may turn once (load comes
// and goes); what is left is noise that follows itself, of a size and a memory
// that are not known and summed over. A life that began after the onset leaks
// from its start on. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_GROWTH_ONSET_TIME_H_
#define PLIMSOLL_COLLECTOR_CORE_GROWTH_ONSET_TIME_H_

#include <cstdint>
#include <vector>

#include "collector/core/history/siblings.h"
#include "collector/core/incident/incident_traffic.h"

namespace plimsoll::collector {

struct OnsetTime {
  bool known = false;       // enough was seen of both versions
  double with_version = 0;  // how sure it is that it began with the lives
  // When, if it did not: the middle and where it is with 95 % surety.
  int64_t at_ns = 0, from_ns = 0, to_ns = 0;
};

// Of lives of one version, of many the first, and of those before it.
OnsetTime TimeOfOnset(std::vector<const WorkloadLife*> lives,
                      const std::vector<const WorkloadLife*>& before);

// What is then said of a version that grows as the one before it did not: in
// `onset` began, later or neither.
void DateOnset(const OnsetTime& time, VersionOnset& onset);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_GROWTH_ONSET_TIME_H_
