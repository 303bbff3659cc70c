// What services export by OTLP, made into request counters of processes. Called
// from the threads of the OTLP servers; one at a time works.
#ifndef PLIMSOLL_COLLECTOR_OTLP_FEED_H_
#define PLIMSOLL_COLLECTOR_OTLP_FEED_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "collector/core/history/pod_counts.h"
#include "collector/core/ingest/request_source_status.h"
#include "collector/core/ingest/token_bucket.h"
#include "collector/request_feed.h"
#include "collector/rpc/otlp_decoder.h"

namespace plimsoll::collector {

class OtlpFeed {
 public:
  // `store` outlives it.
  OtlpFeed(store::Store* store, rpc::OtlpRules rules,
           std::function<int64_t()> unix_now_ns);

  // One export. kInvalidArgument: bytes that do not parse. kUnavailable: the
  // store refuses writes, or more comes than all exporters together may send;
  // then it is to be sent again.
  absl::Status Take(std::string_view bytes);

  RequestSourceStatus Status() const;

 private:
  std::vector<PodCount> OfFirstMetric(std::vector<rpc::OtlpCount> counts);

  const rpc::OtlpRules rules_;
  const std::function<int64_t()> unix_now_ns_;
  mutable std::mutex mutex_;  // guards what follows
  TokenBucket bytes_;
  RequestFeed feed_;
  PodCountLedger ledger_;
  RequestSourceStatus status_;
  // By pod: the place in the rules of the metric that counts.
  std::map<std::string, size_t> metrics_;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_OTLP_FEED_H_
