// How documents name the kinds of stack profiles and the probes.
#ifndef PLIMSOLL_COLLECTOR_RPC_PROFILE_NAMES_H_
#define PLIMSOLL_COLLECTOR_RPC_PROFILE_NAMES_H_

#include "plimsoll/v1/snapshot.pb.h"

namespace plimsoll::collector::rpc {

const char* KindName(v1::StackProfile::Kind kind);
// "" for one that is not known.
const char* ProbeName(int probe);

}  // namespace plimsoll::collector::rpc

#endif  // PLIMSOLL_COLLECTOR_RPC_PROFILE_NAMES_H_
