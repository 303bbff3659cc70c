// The question whether a bearer token is a service account's, and of which
// node's pod, as the Kubernetes API takes it, and the reading of its answer:
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
// Pure; any thread. The answer comes from the network: anything may be in it.
#ifndef PLIMSOLL_COLLECTOR_AUTH_TOKEN_REVIEW_H_
#define PLIMSOLL_COLLECTOR_AUTH_TOKEN_REVIEW_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "collector/core/ingest/peer_identity.h"

namespace plimsoll::collector::auth {

struct TokenRules {
  std::string audience;  // that the token must be for
  // Service accounts that may report: "NAMESPACE/NAME".
  std::vector<std::string> accounts;
};

inline constexpr char kTokenReviewPath[] =
    "/apis/authentication.k8s.io/v1/tokenreviews";

std::string TokenReviewRequest(std::string_view token, const TokenRules& rules);

// The node is the claim that the API server puts into a token bound to a pod
// (Kubernetes 1.30 and later; ServiceAccountTokenPodNodeInfo).
// kUnauthenticated: the server does not accept the token. kPermissionDenied:
// another account's, or for no node. kUnavailable: not a review.
absl::StatusOr<PeerIdentity> ParseTokenReview(std::string_view answer,
                                              const TokenRules& rules);

}  // namespace plimsoll::collector::auth

#endif  // PLIMSOLL_COLLECTOR_AUTH_TOKEN_REVIEW_H_
