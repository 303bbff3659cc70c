// Live objects by type of some processes at the end of a span, and what changed
// in it, from the store. A type that a process' last census did not name any
// more (it has fallen out of what is kept) is left out of that process' row.
#ifndef PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_TABLE_H_
#define PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_TABLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/ports.h"

namespace plimsoll::collector {

struct TypeRow {
  std::string type;
  double objects = 0, bytes = 0;  // at the end, over all processes
  double objects_delta = 0, bytes_delta = 0;
  int32_t processes = 0;  // in which it was seen
};

struct TypeTable {
  std::vector<TypeRow> rows;  // most bytes first
  int32_t processes = 0;      // that have a census in the span
  double span_s = 0;          // mean over them, first to last census
};

absl::StatusOr<TypeTable> ReadTypeTable(
    const FleetReader& reader, const std::vector<ProcessKey>& processes,
    int64_t from_ns, int64_t to_ns);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TYPES_TYPE_TABLE_H_
