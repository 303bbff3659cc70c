// A message whose strings are not all UTF-8 does not parse. One bad name in one
// sample must not cost a batch of many, so its bytes are cleaned in place by
// the schema: bad bytes become '?', lengths stay. Any thread. Bounded by the
// size of the message and the depth that protobuf itself allows.
#ifndef PLIMSOLL_COLLECTOR_RPC_TEXT_REPAIR_H_
#define PLIMSOLL_COLLECTOR_RPC_TEXT_REPAIR_H_

#include <cstdint>
#include <string_view>

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace plimsoll::collector::rpc {

// Parses `bytes`, of which a copy is cleaned when that is needed. The number of
// strings that were changed; -1: it is no such message whatever its strings.
int64_t ParseRepaired(std::string_view bytes,
                      google::protobuf::Message* message);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_TEXT_REPAIR_H_
