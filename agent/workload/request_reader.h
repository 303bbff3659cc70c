// RequestReader counts the requests of one process from outside, and reads its
// gauges: the files that prometheus_client's multiprocess mode maps into it.
// Loop thread only.
#ifndef PLIMSOLL_AGENT_WORKLOAD_REQUEST_READER_H_
#define PLIMSOLL_AGENT_WORKLOAD_REQUEST_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/ports.h"
#include "agent/core/snapshot.h"
#include "agent/workload/request_filter.h"

namespace plimsoll::workload {

// Where to look for one process.
struct RequestSource {
  int32_t namespace_pid = 0;       // in its own PID namespace, as in file names
  std::string root;                // /proc/PID/root
  std::string directory;           // PROMETHEUS_MULTIPROC_DIR, "" when not set
  std::vector<std::string> files;  // mapped *.db files, as the target sees them
};

class RequestReader {
 public:
  explicit RequestReader(RequestFilter filter) : filter_(std::move(filter)) {}

  // kNotFound: it has no such files. kPermissionDenied: what to grant, where it
  // has only such as may not be read. `bad_files` counts those that could not
  // be read or parsed; what was read of the others is used.
  absl::StatusOr<core::RequestCounts> Read(const RequestSource& source,
                                           int64_t* bad_files) const;

 private:
  RequestFilter filter_;
};

// The *.db files among `mappings`.
std::vector<std::string> MappedDatabases(
    const std::vector<core::Mapping>& mappings);

}  // namespace plimsoll::workload

#endif  // PLIMSOLL_AGENT_WORKLOAD_REQUEST_READER_H_
