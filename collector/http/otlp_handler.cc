#include "collector/http/otlp_handler.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "collector/core/ingest/gunzip.h"

namespace plimsoll::collector::http {
namespace {

constexpr char kProtobuf[] = "application/x-protobuf";
constexpr char kJson[] = "application/json";

Response Refused(int status, const std::string& why) {
  return {status, kJson, absl::StrCat("{\"error\":\"", why, "\"}\n"), ""};
}

// "Application/JSON; charset=utf-8" -> "application/json".
std::string MediaType(std::string_view content_type) {
  const std::string type(content_type.substr(0, content_type.find(';')));
  return absl::AsciiStrToLower(std::string(absl::StripAsciiWhitespace(type)));
}

class OtlpPost {
 public:
  explicit OtlpPost(OtlpHandlerOptions options)
      : options_(std::move(options)) {}

  Response Answer(const Request& request) const {
    if (request.path != "/v1/metrics") {
      return Refused(404, "there is POST /v1/metrics");
    }
    if (request.method != "POST") return Refused(405, "POST is wanted");
    const std::string type = MediaType(request.content_type);
    if (type != kProtobuf && type != kJson) {
      return Refused(415,
                     "application/x-protobuf or application/json is "
                     "wanted (OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)");
    }
    const std::string encoding = MediaType(request.content_encoding);
    if (encoding.empty() || encoding == "identity") {
      return Take(type, request.body);
    }
    if (encoding != "gzip") {
      return Refused(415,
                     "gzip or no compression is wanted "
                     "(OTEL_EXPORTER_OTLP_COMPRESSION=gzip)");
    }
    const auto body = Gunzip(request.body, options_.max_body_bytes);
    if (body.ok()) return Take(type, *body);
    if (absl::IsResourceExhausted(body.status())) {
      Count(Refusal::kHttpUnfolded);
      return Refused(413, std::string(body.status().message()));
    }
    Count(Refusal::kHttpMalformed);
    return Refused(400, std::string(body.status().message()));
  }

 private:
  Response Take(const std::string& type, std::string_view body) const {
    absl::Status status;
    if (type == kJson) {
      const auto bytes = options_.bytes_of_json(body);
      if (!bytes.ok()) Count(Refusal::kHttpMalformed);
      status = bytes.ok() ? options_.take(*bytes) : bytes.status();
    } else {
      status = options_.take(body);
    }
    if (status.ok()) return {200, type, type == kJson ? "{}" : "", ""};
    return absl::IsInvalidArgument(status)
               ? Refused(400, "no ExportMetricsServiceRequest of OTLP")
               : Refused(503, "it cannot be stored now");
  }
  void Count(Refusal refusal) const {
    if (options_.refusals != nullptr) options_.refusals->Count(refusal);
  }

  const OtlpHandlerOptions options_;
};

}  // namespace

Handler OtlpHandler(OtlpHandlerOptions options) {
  return [post = OtlpPost(std::move(options))](const Request& request) {
    return post.Answer(request);
  };
}

}  // namespace plimsoll::collector::http
