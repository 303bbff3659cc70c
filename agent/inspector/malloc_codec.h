// What windows on malloc ask of the child, to and from messages. Pure; any
// thread. What does not fit core's bounds is kInvalidArgument.
#ifndef PLIMSOLL_AGENT_INSPECTOR_MALLOC_CODEC_H_
#define PLIMSOLL_AGENT_INSPECTOR_MALLOC_CODEC_H_

#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/malloc_sites.h"
#include "plimsoll/inspector/v1/inspector.pb.h"

namespace plimsoll::inspector {

// Of one request.
inline constexpr int kMostChunksAtOnce = 1 << 16;

void EncodeMallocSites(const core::MallocSites& sites, v1::MallocSites& out);
absl::StatusOr<core::MallocSites> DecodeMallocSites(const v1::MallocSites& in);

void EncodeClaims(const std::vector<core::BlockClaim>& claims,
                  v1::CheckChunks& out);
absl::StatusOr<std::vector<core::BlockClaim>> DecodeClaims(
    const v1::CheckChunks& in);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_MALLOC_CODEC_H_
