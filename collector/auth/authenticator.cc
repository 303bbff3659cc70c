#include "collector/auth/authenticator.h"

#include <utility>

namespace plimsoll::collector::auth {

void Authenticator::Authenticate(PeerEvidence evidence, Done done) {
  const bool has_token = !evidence.token.empty() && tokens_ != nullptr;
  if (certificates_ && evidence.has_certificate) {
    absl::StatusOr<PeerIdentity> identity = IdentityOfCertificate(evidence);
    if (identity.ok() || !has_token) return done(std::move(identity));
  }
  if (has_token) {
    tokens_->Authenticate(std::move(evidence), std::move(done));
    return;
  }
  done(absl::UnauthenticatedError(
      tokens_ == nullptr ? "a certificate is wanted, and none was shown "
                           "(collector_cert_file, collector_key_file)"
      : certificates_    ? "a certificate or a token is wanted, and neither "
                           "was shown (collector_cert_file, "
                           "collector_token_file)"
                         : "a token is wanted, and none was shown "
                           "(collector_token_file)"));
}

}  // namespace plimsoll::collector::auth
