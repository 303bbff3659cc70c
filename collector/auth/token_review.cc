#include "collector/auth/token_review.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace plimsoll::collector::auth {
namespace {

using nlohmann::json;

constexpr std::string_view kAccountPrefix = "system:serviceaccount:";
constexpr char kNodeClaim[] = "authentication.kubernetes.io/node-name";
constexpr char kPodClaim[] = "authentication.kubernetes.io/pod-name";
constexpr size_t kMaxSaidBytes = 300;

// The member, or a null value.
const json& Member(const json& object, const char* key) {
  static const auto& null = *new json();
  if (!object.is_object()) return null;
  auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string Text(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// What others wrote, for a log and an agent.
std::string Said(std::string text) {
  text.resize(std::min(text.size(), kMaxSaidBytes));
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) c = '?';
  }
  return text;
}

// A claim is a list; one that does not have exactly one value is none.
std::string Claim(const json& user, const char* name) {
  const json& values = Member(Member(user, "extra"), name);
  if (!values.is_array() || values.size() != 1) return "";
  return Text(values[0]);
}

bool Holds(const json& list, const std::string& wanted) {
  return list.is_array() &&
         std::any_of(list.begin(), list.end(),
                     [&](const json& item) { return Text(item) == wanted; });
}

// "system:serviceaccount:ns:name" -> "ns/name"; "" for another user.
std::string AccountOf(const std::string& user) {
  if (!std::string_view(user).starts_with(kAccountPrefix)) return "";
  std::string account = user.substr(kAccountPrefix.size());
  const size_t colon = account.find(':');
  if (colon == std::string::npos) return "";
  account[colon] = '/';
  return account;
}

}  // namespace

std::string TokenReviewRequest(std::string_view token,
                               const TokenRules& rules) {
  const json review = {
      {"apiVersion", "authentication.k8s.io/v1"},
      {"kind", "TokenReview"},
      {"spec",
       {{"token", token}, {"audiences", json::array({rules.audience})}}}};
  return review.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<PeerIdentity> ParseTokenReview(std::string_view answer,
                                              const TokenRules& rules) {
  const json review = json::parse(answer, nullptr, false);
  const json& status = Member(review, "status");
  if (Text(Member(review, "kind")) != "TokenReview" || !status.is_object()) {
    return absl::UnavailableError("the API server's answer is no TokenReview");
  }
  const json& authenticated = Member(status, "authenticated");
  if (!authenticated.is_boolean() || !authenticated.get<bool>()) {
    const std::string error = Said(Text(Member(status, "error")));
    return absl::UnauthenticatedError(
        "the cluster does not accept the token" +
        (error.empty() ? std::string() : ": " + error));
  }
  // A server that knows no audiences would accept a token for another service.
  if (!Holds(Member(status, "audiences"), rules.audience)) {
    return absl::UnauthenticatedError("the token is not for the audience " +
                                      rules.audience);
  }
  const json& user = Member(status, "user");
  const std::string name = Text(Member(user, "username"));
  const std::string account = AccountOf(name);
  if (account.empty() || std::find(rules.accounts.begin(), rules.accounts.end(),
                                   account) == rules.accounts.end()) {
    return absl::PermissionDeniedError(
        "the token is of \"" + Said(name) +
        "\", which is none of the collector's agent_accounts");
  }
  const std::string node = Claim(user, kNodeClaim);
  if (!IsNodeName(node)) {
    return absl::PermissionDeniedError(
        "the token names no node: it must be bound to a pod, by a cluster of "
        "Kubernetes 1.30 or later");
  }
  const std::string pod = Claim(user, kPodClaim);
  return PeerIdentity{
      node, "token of " + account + (pod.empty() ? "" : ", pod " + Said(pod))};
}

}  // namespace plimsoll::collector::auth
