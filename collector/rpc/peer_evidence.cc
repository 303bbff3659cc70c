#include "collector/rpc/peer_evidence.h"

#include <grpc/grpc_security_constants.h>

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::collector::rpc {
namespace {

constexpr std::string_view kBearer = "Bearer ";

std::string ToString(const grpc::string_ref& text) {
  return std::string(text.data(), text.size());
}

std::vector<std::string> Values(const grpc::AuthContext& context,
                                const char* name) {
  std::vector<std::string> out;
  for (const grpc::string_ref& value : context.FindPropertyValues(name)) {
    out.push_back(ToString(value));
  }
  return out;
}

}  // namespace

PeerEvidence EvidenceOf(const grpc::CallbackServerContext& call) {
  PeerEvidence evidence;
  evidence.address = call.peer();
  const auto context = call.auth_context();
  if (context != nullptr && context->IsPeerAuthenticated()) {
    evidence.has_certificate = true;
    evidence.uris = Values(*context, GRPC_PEER_URI_PROPERTY_NAME);
    evidence.dns_names = Values(*context, GRPC_PEER_DNS_PROPERTY_NAME);
  }
  const auto& metadata = call.client_metadata();
  // Two tokens are none: it must be clear which one was meant.
  if (metadata.count("authorization") == 1) {
    const std::string value = ToString(metadata.find("authorization")->second);
    if (std::string_view(value).starts_with(kBearer)) {
      evidence.token = value.substr(kBearer.size());
    }
  }
  return evidence;
}

grpc::Status ToGrpc(const absl::Status& status) {
  // Both enumerations number the same codes alike.
  return {static_cast<grpc::StatusCode>(status.code()),
          std::string(status.message())};
}

}  // namespace plimsoll::collector::rpc
