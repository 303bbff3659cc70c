// By certificate, by token, or by either: which of an agent's proofs counts. A
// certificate that names a node is taken first; one that names none, such as
// one that all agents of a cluster share, leaves it to the token.
#ifndef PLIMSOLL_COLLECTOR_AUTH_AUTHENTICATOR_H_
#define PLIMSOLL_COLLECTOR_AUTH_AUTHENTICATOR_H_

#include "collector/core/ingest/peer_identity.h"

namespace plimsoll::collector::auth {

class Authenticator final : public PeerAuthenticator {
 public:
  // `tokens` may be null and is not owned. One of the two must be given.
  Authenticator(bool certificates, PeerAuthenticator* tokens)
      : certificates_(certificates), tokens_(tokens) {}

  void Authenticate(PeerEvidence evidence, Done done) override;

 private:
  const bool certificates_;
  PeerAuthenticator* const tokens_;
};

}  // namespace plimsoll::collector::auth

#endif  // PLIMSOLL_COLLECTOR_AUTH_AUTHENTICATOR_H_
