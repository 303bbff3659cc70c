// gRPC's TLS from PEM files that rotate: gRPC's own watcher of files looks at
// them every few seconds; a new connection gets what it saw last. (The classes
// are called experimental in gRPC 1.51; they are what its xDS support stands
// on.) Private to collector/rpc; includes gRPC.
#ifndef PLIMSOLL_COLLECTOR_RPC_SERVER_CREDENTIALS_H_
#define PLIMSOLL_COLLECTOR_RPC_SERVER_CREDENTIALS_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "collector/rpc/fleet_service.h"

namespace plimsoll::collector::rpc {

// Without TLS where `files` names none.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const TlsFiles& files);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_SERVER_CREDENTIALS_H_
