// What an agent shows of itself at the start of a call: the names of its
// verified certificate, and its token. Private to collector/rpc; includes gRPC.
#ifndef PLIMSOLL_COLLECTOR_RPC_PEER_EVIDENCE_H_
#define PLIMSOLL_COLLECTOR_RPC_PEER_EVIDENCE_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "collector/core/ingest/peer_identity.h"

namespace plimsoll::collector::rpc {

PeerEvidence EvidenceOf(const grpc::CallbackServerContext& call);

// kUnauthenticated and so on, by its own words.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_PEER_EVIDENCE_H_
