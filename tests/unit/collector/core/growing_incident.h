// An incident of one process that grows by objects of one type.
#ifndef PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_GROWING_INCIDENT_H_
#define PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_GROWING_INCIDENT_H_

#include <string>

#include "collector/core/incident/incident.h"

namespace plimsoll::collector {

inline Incident Growing(const std::string& type, double python) {
  Incident i;
  i.rule = "imminent";
  i.workload = {"", "shop", "service", "orders"};
  i.window_s = 200;
  AffectedProcess p;
  p.process = 7;
  p.pid = 4711;
  p.leaking = true;
  i.processes = {p};
  GrowingType t;
  t.type = type;
  t.objects_per_s = {10, 9, 11};
  t.share = 0.8;
  i.types = {t};
  i.shares = {python, 0.02, 1 - python - 0.02};
  return i;
}

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_TESTS_UNIT_COLLECTOR_CORE_GROWING_INCIDENT_H_
