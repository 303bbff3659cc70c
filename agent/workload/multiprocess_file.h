// Parser of prometheus_client's multiprocess files (mmap_dict.py), which hold
// the counters of one process. Pure; the bytes are the target's and may change
// while they are copied, so nothing in them is believed.
//
//   i32 used, i32 padding, then entries until `used`:
//   i32 length, JSON ["metric", "sample", {labels}, "help"] (older versions:
//   ["metric", "sample", [names], [values]]), 1 to 8 blanks, which `length`
//   does not count, up to the value's alignment, f64 value [, f64 timestamp
//   from 0.18.0 on]
// Native byte order. Whether there is a timestamp is not written anywhere: a
// file is read as the format in which all entries parse.
#ifndef PLIMSOLL_AGENT_WORKLOAD_MULTIPROCESS_FILE_H_
#define PLIMSOLL_AGENT_WORKLOAD_MULTIPROCESS_FILE_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/snapshot.h"

namespace plimsoll::workload {

// kInvalidArgument: not such a file, or cut where an entry should be.
absl::StatusOr<std::vector<core::RequestCount>> ParseMultiprocessFile(
    std::string_view bytes);

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_MULTIPROCESS_FILE_H_
