#include "agent/inspector/native_codec.h"

#include <algorithm>

#include "absl/status/status.h"
#include "agent/core/native_inspector.h"
#include "agent/inspector/census_codec.h"

namespace plimsoll::inspector {
namespace {

constexpr int kMostFrames = 256;

absl::Status Refusal(const char* what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

void EncodeSnapshots(const std::vector<core::NativeSnapshot>& snapshots,
                     v1::UnwindStacks& out) {
  for (const core::NativeSnapshot& snapshot : snapshots) {
    v1::NativeSnapshot& to = *out.add_snapshots();
    to.set_address(snapshot.address);
    to.set_stack(snapshot.stack);
    for (const uint64_t value : snapshot.registers) to.add_registers(value);
  }
}

absl::StatusOr<std::vector<core::NativeSnapshot>> DecodeSnapshots(
    const v1::UnwindStacks& in) {
  if (in.snapshots_size() > static_cast<int>(core::kMostSnapshotsAtOnce)) {
    return Refusal("too many snapshots at once");
  }
  std::vector<core::NativeSnapshot> snapshots;
  for (const v1::NativeSnapshot& from : in.snapshots()) {
    if (from.registers_size() != static_cast<int>(core::kNativeRegisters) ||
        from.stack().size() > core::kMostStackBytes) {
      return Refusal("a snapshot that makes no sense");
    }
    core::NativeSnapshot& snapshot = snapshots.emplace_back();
    snapshot.address = from.address();
    snapshot.stack = from.stack();
    std::copy(from.registers().begin(), from.registers().end(),
              snapshot.registers.begin());
  }
  return snapshots;
}

void EncodeNativeStacks(const std::vector<core::NativeStack>& stacks,
                        v1::NativeStacks& out) {
  for (const core::NativeStack& stack : stacks) {
    v1::NativeStack& to = *out.add_stacks();
    EncodeFrames(stack.frames, *to.mutable_frames());
    to.set_end(static_cast<int32_t>(stack.end));
    to.set_page(static_cast<int32_t>(stack.page));
  }
}

absl::StatusOr<std::vector<core::NativeStack>> DecodeNativeStacks(
    const v1::NativeStacks& in) {
  std::vector<core::NativeStack> stacks;
  for (const v1::NativeStack& from : in.stacks()) {
    if (from.frames().frames_size() > kMostFrames || from.end() < 0 ||
        from.end() > static_cast<int32_t>(core::UnwindEnd::kFailed) ||
        from.page() < 0 ||
        from.page() > static_cast<int32_t>(core::PageOwner::kOther)) {
      return Refusal("a native stack that makes no sense");
    }
    core::NativeStack& stack = stacks.emplace_back();
    stack.frames = DecodeFrames(from.frames());
    stack.end = static_cast<core::UnwindEnd>(from.end());
    stack.page = static_cast<core::PageOwner>(from.page());
  }
  return stacks;
}

void EncodePages(const std::vector<core::PageRange>& pages, v1::Pages& out) {
  for (const core::PageRange& range : pages) {
    out.add_starts(range.start);
    out.add_ends(range.end);
  }
}

absl::StatusOr<std::vector<core::PageRange>> DecodePages(const v1::Pages& in) {
  if (in.starts_size() != in.ends_size()) {
    return Refusal("page ranges that make no sense");
  }
  std::vector<core::PageRange> pages;
  uint64_t last = 0;
  for (int i = 0; i < in.starts_size(); ++i) {
    if (in.starts(i) < last || in.ends(i) <= in.starts(i)) {
      return Refusal("page ranges that are not in order");
    }
    last = in.ends(i);
    pages.push_back({in.starts(i), in.ends(i)});
  }
  return pages;
}

}  // namespace plimsoll::inspector
