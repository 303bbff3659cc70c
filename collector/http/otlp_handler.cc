#include "collector/http/otlp_handler.h"

#include <string>
#include <utility>

namespace plimsoll::collector::http {
namespace {

constexpr char kProtobuf[] = "application/x-protobuf";

Response Refused(int status, const std::string& why) {
  return {status, "application/json", "{\"error\":\"" + why + "\"}\n", ""};
}

}  // namespace

Handler OtlpHandler(std::function<absl::Status(std::string_view)> take) {
  return [take = std::move(take)](const Request& request) -> Response {
    if (request.path != "/v1/metrics") {
      return Refused(404, "there is POST /v1/metrics");
    }
    if (request.method != "POST") return Refused(405, "POST is wanted");
    if (request.content_type != kProtobuf) {
      return Refused(415,
                     "application/x-protobuf is wanted "
                     "(OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)");
    }
    if (!request.content_encoding.empty() &&
        request.content_encoding != "identity") {
      return Refused(415,
                     "a body without compression is wanted "
                     "(OTEL_EXPORTER_OTLP_COMPRESSION=none)");
    }
    const absl::Status status = take(request.body);
    if (status.ok()) return {200, kProtobuf, "", ""};
    return absl::IsInvalidArgument(status)
               ? Refused(400, "no ExportMetricsServiceRequest of OTLP")
               : Refused(503, "it cannot be stored now");
  };
}

}  // namespace plimsoll::collector::http
