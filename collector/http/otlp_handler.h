// OTLP over HTTP: POST /v1/metrics with protobuf or JSON, as it is or by gzip
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp). What is neither is
// refused in words.
#ifndef PLIMSOLL_COLLECTOR_HTTP_OTLP_HANDLER_H_
#define PLIMSOLL_COLLECTOR_HTTP_OTLP_HANDLER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/core/ingest/refusal_counter.h"
#include "collector/http/http_server.h"

namespace plimsoll::collector::http {

struct OtlpHandlerOptions {
  // As in collector/rpc/otlp_server.h.
  std::function<absl::Status(std::string_view)> take;
  // JSON -> what `take` takes; kInvalidArgument: it is none.
  std::function<absl::StatusOr<std::string>(std::string_view)> bytes_of_json;
  size_t max_body_bytes = 0;           // of what a gzip body unfolds to
  RefusalCounter* refusals = nullptr;  // not owned, outlives the handler
};

// For an HttpServer of its own, whose bodies may be so large.
Handler OtlpHandler(OtlpHandlerOptions options);

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_OTLP_HANDLER_H_
