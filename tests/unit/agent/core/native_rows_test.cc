#include "agent/core/native_rows.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

Frame Native(const char* function, const char* module, int line = 0) {
  return {function, line > 0 ? "x.c" : "", line, module, true};
}
Frame Python(const char* function, int line) {
  return {function, "app.py", line, "", false};
}
const Stack kPython = {{Python("render", 12), Python("main", 3)}, false};

TEST(NativeRows, TheExtensionThenThePythonThatCalledIt) {
  const NativeStack native = {
      {Native("malloc", "libc.so.6"), Native("thumbnail", "_leaks.so", 7),
       Native("near cfunction_call", "python3.11"),
       Native("_PyEval_EvalFrameDefault", "python3.11")}};
  const Stack joined = JoinStacks(native, kPython, "python3.11");
  ASSERT_EQ(joined.frames.size(), 3U);
  EXPECT_EQ(joined.frames[0].function, "thumbnail");
  EXPECT_EQ(joined.frames[1].function, "render");
}

TEST(NativeRows, AnAllocatorOfTheInterpreterThatPassesOnIsLeftOut) {
  const NativeStack native = {
      {Native("malloc", "libc.so.6"), Native("PyMem_RawMalloc", "python3.11"),
       Native("fill", "_leaks.so"), Native("near f", "python3.11")}};
  const Stack joined = JoinStacks(native, kPython, "python3.11");
  ASSERT_EQ(joined.frames.size(), 3U);
  EXPECT_EQ(joined.frames[0].function, "fill");
}

TEST(NativeRows, OperatorNewAsksForOthers) {
  const NativeStack native = {
      {Native("malloc", "libc.so.6"),
       Native("operator new(unsigned long)", "libstdc++.so.6"),
       Native("std::string::_M_create(unsigned long&, unsigned long)",
              "libstdc++.so.6"),
       Native("Cache::put", "_cache.so"), Native("near f", "python3.11")}};
  const Stack joined = JoinStacks(native, kPython, "python3.11");
  ASSERT_EQ(joined.frames.size(), 4U);
  EXPECT_EQ(joined.frames[0].module, "libstdc++.so.6");
  EXPECT_EQ(joined.frames[1].function, "Cache::put");
}

// numpy that calls back into Python did not ask for what Python then makes.
TEST(NativeRows, NothingBehindARunningFrameAskedForIt) {
  const NativeStack native = {
      {Native("malloc", "libc.so.6"),
       Native("PyBytes_FromStringAndSize", "python3.11"),
       Native("_PyEval_EvalFrameDefault", "python3.11"),
       Native("apply", "numpy.so"),
       Native("_PyEval_EvalFrameDefault", "python3.11")}};
  const Stack joined = JoinStacks(native, kPython, "python3.11");
  ASSERT_EQ(joined.frames.size(), 2U);
  EXPECT_EQ(joined.frames[0].function, "render");
}

TEST(NativeRows, AThreadWithoutPythonKeepsAllItsFrames) {
  const NativeStack native = {
      {Native("malloc", "libc.so.6"), Native("work", "libpool.so"),
       Native("start_thread", "libc.so.6")},
      UnwindEnd::kStackCopyEnd};
  const Stack joined = JoinStacks(native, {}, "python3.11");
  ASSERT_EQ(joined.frames.size(), 2U);
  EXPECT_EQ(joined.frames[0].function, "work");
  EXPECT_TRUE(joined.truncated);
}

TEST(NativeRows, EqualStacksAreOneRow) {
  StackProfile profile;
  profile.stacks = {kPython, kPython, {}};
  for (uint32_t i = 0; i < 3; ++i) {
    StackCount count;
    count.stack_index = i;
    count.allocations = 1;
    count.block_bytes = 64;
    count.surviving_objects = 10;
    count.surviving_bytes = 640;
    profile.counts.push_back(count);
  }
  const NativeStack native = {{Native("work", "libpool.so")}};
  JoinNative({native, native, native}, "python3.11", profile);
  ASSERT_EQ(profile.counts.size(), 2U);
  EXPECT_EQ(profile.counts[0].allocations, 2);
  EXPECT_EQ(profile.counts[0].surviving_bytes, 1280);
  EXPECT_EQ(profile.counts[0].block_bytes, 64);
  EXPECT_EQ(profile.counts[0].weight, 10);
  EXPECT_EQ(profile.stacks.size(), 2U);
}

}  // namespace
}  // namespace plimsoll::core
