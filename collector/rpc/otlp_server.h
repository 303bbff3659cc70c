// OTLP over gRPC: services export their metrics here, by
// opentelemetry.proto.collector.metrics.v1.MetricsService. Bytes are handed on
// as they came, unfolded where they came by gzip.
#ifndef PLIMSOLL_COLLECTOR_RPC_OTLP_SERVER_H_
#define PLIMSOLL_COLLECTOR_RPC_OTLP_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/ingest/refusal_counter.h"
#include "collector/rpc/fleet_service.h"

namespace plimsoll::collector::rpc {

struct OtlpServerOptions {
  std::string listen;  // host:port; port 0: any free one
  TlsFiles tls;
  // Whoever exports shows what is in it as a bearer token; "": anyone may.
  std::string token_file;
  // Called from several threads. kInvalidArgument: bytes that do not parse;
  // kUnavailable: to be sent again.
  std::function<absl::Status(std::string_view)> take;
  RefusalCounter* refusals = nullptr;  // not owned, outlives the server
};

class OtlpServer {
 public:
  static absl::StatusOr<std::unique_ptr<OtlpServer>> Start(
      OtlpServerOptions options);
  ~OtlpServer();  // ends it
  int port() const;

 private:
  class Impl;
  explicit OtlpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_OTLP_SERVER_H_
