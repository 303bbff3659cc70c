#include "agent/core/native_rows.h"

#include <map>
#include <tuple>
#include <utility>

namespace plimsoll::core {
namespace {

constexpr char kEvalFrame[] = "_PyEval_EvalFrameDefault";
// PyObject_Malloc and what calls it in the interpreter on behalf of others.
constexpr size_t kMostAllocatorFrames = 8;

bool IsLibc(const Frame& frame) {
  return frame.module.rfind("libc.so", 0) == 0 ||
         frame.module.rfind("libc-2.", 0) == 0;
}

// Of C++, which asks malloc on behalf of others.
bool IsOperatorNew(const Frame& frame) {
  return frame.module.rfind("libstdc++.so", 0) == 0 &&
         frame.function.rfind("operator new", 0) == 0;
}

// The first frame that is not part of an allocator.
size_t BehindAllocators(const std::vector<Frame>& frames,
                        const std::string& interpreter) {
  size_t at = 0;
  while (at < frames.size() &&
         (IsLibc(frames[at]) || IsOperatorNew(frames[at]))) {
    ++at;
  }
  const size_t entered = at;
  while (at < frames.size() && at < entered + kMostAllocatorFrames &&
         frames[at].module == interpreter && frames[at].function != kEvalFrame)
    ++at;
  // It asked for itself.
  return at < frames.size() && frames[at].module == interpreter ? entered : at;
}

using Key = std::vector<std::tuple<std::string, std::string, std::string, int>>;

Key KeyOf(const Stack& stack) {
  Key key;
  for (const Frame& frame : stack.frames) {
    key.emplace_back(frame.module, frame.function, frame.file, frame.line);
  }
  return key;
}

void AddTo(StackCount& sum, const StackCount& more) {
  sum.allocations += more.allocations;
  sum.allocated_bytes += more.allocated_bytes;
  sum.surviving_objects += more.surviving_objects;
  sum.surviving_bytes += more.surviving_bytes;
  sum.weight = static_cast<double>(sum.surviving_objects) /
               static_cast<double>(sum.allocations);
  if (sum.block_bytes != more.block_bytes) sum.block_bytes = 0;
}

}  // namespace

Stack JoinStacks(const NativeStack& native, const Stack& python,
                 const std::string& interpreter) {
  Stack joined;
  const std::vector<Frame>& frames = native.frames;
  for (size_t at = BehindAllocators(frames, interpreter); at < frames.size();
       ++at) {
    if (frames[at].module == interpreter && !python.frames.empty()) break;
    joined.frames.push_back(frames[at]);
  }
  joined.frames.insert(joined.frames.end(), python.frames.begin(),
                       python.frames.end());
  joined.truncated = python.frames.empty() ? native.end != UnwindEnd::kComplete
                                           : python.truncated;
  return joined;
}

void JoinNative(const std::vector<NativeStack>& native,
                const std::string& interpreter, StackProfile& profile) {
  std::map<Key, size_t> rows;
  std::vector<Stack> stacks;
  std::vector<StackCount> counts;
  for (const StackCount& count : profile.counts) {
    if (count.stack_index >= native.size() ||
        count.stack_index >= profile.stacks.size()) {
      continue;
    }
    Stack joined = JoinStacks(native[count.stack_index],
                              profile.stacks[count.stack_index], interpreter);
    const auto [at, is_new] = rows.try_emplace(KeyOf(joined), counts.size());
    if (!is_new) {
      AddTo(counts[at->second], count);
      continue;
    }
    counts.push_back(count);
    counts.back().stack_index = static_cast<uint32_t>(stacks.size());
    stacks.push_back(std::move(joined));
  }
  profile.stacks = std::move(stacks);
  profile.counts = std::move(counts);
}

}  // namespace plimsoll::core
