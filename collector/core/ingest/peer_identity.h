// Who is at the other end of an agent's stream, as proven by a certificate or a
// token, and the port that proves it. The rules of a certificate are here.
// Values: any thread.
//
// A certificate names the node in a URI, spiffe://DOMAIN/ANY/PATH/node/NAME
// (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md); one
// without such a URI names it by its only DNS name. NAME may end in "*", which
// its authority writes for a relay of many nodes: it may then speak for each
// node whose name begins so.
#ifndef PLIMSOLL_COLLECTOR_CORE_INGEST_PEER_IDENTITY_H_
#define PLIMSOLL_COLLECTOR_CORE_INGEST_PEER_IDENTITY_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace plimsoll::collector {

// What a peer shows of itself. Names come from a certificate that was verified.
struct PeerEvidence {
  std::string address;  // for people
  bool has_certificate = false;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::string token;  // "": none
};

struct PeerIdentity {
  std::string node;  // the name, or its beginning and "*"
  std::string how;   // for people: "certificate", "token of ns/pod"
};

// Exactly `node`, or what begins as a pattern says.
bool MaySpeakFor(const PeerIdentity& identity, std::string_view node);

// kUnauthenticated in words when the names are none of the above.
absl::StatusOr<PeerIdentity> IdentityOfCertificate(
    const PeerEvidence& evidence);

// Whether an agent id names a node ("node:ANY/NODE", as the chart gives it, so
// that a pod is the agent that the one before it was) and another than `node`.
bool IsIdOfOtherNode(std::string_view agent_id, std::string_view node);

// A Kubernetes node's name: a DNS subdomain, lower case.
bool IsNodeName(std::string_view name);

class PeerAuthenticator {
 public:
  using Done = std::function<void(absl::StatusOr<PeerIdentity>)>;
  PeerAuthenticator() = default;
  PeerAuthenticator(const PeerAuthenticator&) = delete;
  PeerAuthenticator& operator=(const PeerAuthenticator&) = delete;
  virtual ~PeerAuthenticator() = default;

  // `done` is called once, from within the call or later on another thread.
  // kUnauthenticated: it has not proven who it is. kPermissionDenied: it has,
  // and is nobody who may report. kUnavailable: that cannot be told now.
  virtual void Authenticate(PeerEvidence evidence, Done done) = 0;
};

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_INGEST_PEER_IDENTITY_H_
