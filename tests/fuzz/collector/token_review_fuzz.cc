// Whatever an API server answers, and whatever a peer shows: an identity that
// names a node, or an error; never one for a node's name that is none.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector/auth/token_review.h"
#include "collector/http/http_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace collector = plimsoll::collector;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const collector::auth::TokenRules rules = {"plimsoll-collector",
                                             {"plimsoll/plimsoll-agent"}};
  if (auto review = collector::auth::ParseTokenReview(text, rules);
      review.ok() && !collector::IsNodeName(review->node)) {
    std::abort();
  }
  if (collector::auth::TokenReviewRequest(text, rules).empty()) std::abort();
  collector::PeerEvidence evidence;
  evidence.has_certificate = true;
  evidence.uris = {text};
  evidence.dns_names = {text};
  if (auto identity = collector::IdentityOfCertificate(evidence);
      identity.ok() && identity->node.empty()) {
    std::abort();
  }
  (void)collector::http::TokenOf(text);
  return 0;
}
