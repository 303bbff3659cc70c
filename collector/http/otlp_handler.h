// OTLP over HTTP: POST /v1/metrics with protobuf
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp). Neither JSON nor a
// compressed body is taken: both are refused in words.
#ifndef PLIMSOLL_COLLECTOR_HTTP_OTLP_HANDLER_H_
#define PLIMSOLL_COLLECTOR_HTTP_OTLP_HANDLER_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "collector/http/http_server.h"

namespace plimsoll::collector::http {

// `take` as in collector/rpc/otlp_server.h. For an HttpServer of its own, whose
// bodies may be so large.
Handler OtlpHandler(std::function<absl::Status(std::string_view)> take);

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_COLLECTOR_HTTP_OTLP_HANDLER_H_
