// The collector's own sources of request counts: a Prometheus that it asks,
// OTLP that services export to it. Those that the settings name; none by
// default.
#ifndef PLIMSOLL_COLLECTOR_REQUEST_SOURCES_H_
#define PLIMSOLL_COLLECTOR_REQUEST_SOURCES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/config.h"
#include "collector/core/ingest/refusal_counter.h"
#include "collector/core/ingest/request_source_status.h"
#include "collector/store/store.h"

namespace plimsoll::collector {

class RequestSources {
 public:
  // `store` and `refusals` outlive it.
  static absl::StatusOr<std::unique_ptr<RequestSources>> Start(
      const Config& config, store::Store* store, RefusalCounter* refusals,
      std::function<int64_t()> unix_now_ns);
  ~RequestSources();  // ends its threads

  std::vector<RequestSourceStatus> Status() const;

 private:
  class Impl;
  explicit RequestSources(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_REQUEST_SOURCES_H_
