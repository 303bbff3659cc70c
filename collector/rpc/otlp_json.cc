#include "collector/rpc/otlp_json.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/util/json_util.h>

#include "collector/rpc/otlp_decoder.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"

namespace plimsoll::collector::rpc {

using Request =
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

absl::StatusOr<std::string> OtlpBytesOfJson(std::string_view json) {
  google::protobuf::Arena arena;
  auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena);
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (json.size() > kMaxOtlpBytes ||
      !google::protobuf::util::JsonStringToMessage({json.data(), json.size()},
                                                   request, options)
           .ok()) {
    return absl::InvalidArgumentError(
        "this is no ExportMetricsServiceRequest of OTLP in JSON");
  }
  return request->SerializeAsString();
}

}  // namespace plimsoll::collector::rpc
