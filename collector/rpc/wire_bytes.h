// Between gRPC's buffers and bytes, and what a peer's text must be like to be
// kept and logged. Private to collector/rpc; includes gRPC.
#ifndef PLIMSOLL_COLLECTOR_RPC_WIRE_BYTES_H_
#define PLIMSOLL_COLLECTOR_RPC_WIRE_BYTES_H_

#include <grpcpp/grpcpp.h>

#include <string>

#include "plimsoll/v1/stream.pb.h"

namespace plimsoll::collector::rpc {

std::string ToBytes(const grpc::ByteBuffer& buffer);
grpc::ByteBuffer ToBuffer(const v1::CollectorMessage& message);

// "" or why not: an agent and a spool are named, every text is short and has no
// control characters.
std::string WhyNoHello(const v1::Hello& hello);

const char* OutcomeName(int outcome);  // of v1::CommandResult::Outcome

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_WIRE_BYTES_H_
