// What the collector's own sources of request counts say of themselves.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_REQUEST_SOURCE_STATUS_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_REQUEST_SOURCE_STATUS_H_

#include <cstdint>
#include <string>

namespace plimsoll::collector {

struct RequestSourceStatus {
  std::string source;  // "prometheus http://prometheus:9090", without secrets
  int64_t looks = 0, failures = 0;
  std::string last_error;  // "": the last look was good
  // Of the last good look.
  int64_t processes = 0;    // that were given counts
  int64_t series = 0;       // counts and gauges of pods
  int64_t unmatched = 0;    // of pods without a process of ours
  int64_t without_pod = 0;  // no label namespace, or no label pod
  int64_t unusable = 0;     // no numbers, or past the limits
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_REQUEST_SOURCE_STATUS_H_
