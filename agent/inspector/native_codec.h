// Tier 5's values to and from their messages. Pure; any thread. What does not
// fit core's bounds is kInvalidArgument.
#ifndef PLIMSOLL_AGENT_INSPECTOR_NATIVE_CODEC_H_
#define PLIMSOLL_AGENT_INSPECTOR_NATIVE_CODEC_H_

#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/fresh_pages.h"
#include "agent/core/native_stack.h"
#include "plimsoll/inspector/v1/inspector.pb.h"

namespace plimsoll::inspector {

void EncodeSnapshots(const std::vector<core::NativeSnapshot>& snapshots,
                     v1::UnwindStacks& out);
absl::StatusOr<std::vector<core::NativeSnapshot>> DecodeSnapshots(
    const v1::UnwindStacks& in);

void EncodeNativeStacks(const std::vector<core::NativeStack>& stacks,
                        v1::NativeStacks& out);
absl::StatusOr<std::vector<core::NativeStack>> DecodeNativeStacks(
    const v1::NativeStacks& in);

void EncodePages(const std::vector<core::PageRange>& pages, v1::Pages& out);
absl::StatusOr<std::vector<core::PageRange>> DecodePages(const v1::Pages& in);

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_AGENT_INSPECTOR_NATIVE_CODEC_H_
