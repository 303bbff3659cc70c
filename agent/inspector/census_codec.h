// core::HeapCensus, frames and statuses to and from their messages. Pure; any
// thread. Counts that are negative or past 2^62 in a message are refused:
// callers add them up.
#ifndef PLIMSOLL_AGENT_INSPECTOR_CENSUS_CODEC_H_
#define PLIMSOLL_AGENT_INSPECTOR_CENSUS_CODEC_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/heap_census.h"
#include "agent/core/stack_profile.h"
#include "plimsoll/inspector/v1/inspector.pb.h"

namespace plimsoll::inspector {

void EncodeCensus(const core::HeapCensus& census, v1::HeapCensus& out);
absl::StatusOr<core::HeapCensus> DecodeCensus(const v1::HeapCensus& in);

void EncodeFrames(const std::vector<core::Frame>& frames, v1::Frames& out);
std::vector<core::Frame> DecodeFrames(const v1::Frames& in);

void EncodeStatus(const absl::Status& status, v1::Response& out);
absl::Status DecodeStatus(const v1::Response& in);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_CENSUS_CODEC_H_
