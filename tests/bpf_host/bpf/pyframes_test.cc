// The BPF frame walk over a made-up memory: what stacks it gives, and its
// bounds.
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/bpf_host/bpf/frames_fixture.h"

namespace plimsoll::testing {
namespace {

TEST_F(PyFramesTest, FramesComeInnermostFirst) {
  PutFrames(3);
  const uint64_t hash = Walk();
  EXPECT_NE(hash, 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NONE);
  ASSERT_EQ(walk_.stack.frame_count, 3u);
  EXPECT_EQ(walk_.stack.truncated, 0u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(walk_.stack.frames[i].code, 0xc000 + i);
    EXPECT_EQ(walk_.stack.frames[i].instruction, 0xd000 + i);
  }
  EXPECT_EQ(Walk(), hash);
}

TEST_F(PyFramesTest, AnotherCodeLineOrDepthIsAnotherStack) {
  PutFrames(3);
  const uint64_t hash = Walk();
  Put(kFrames + kFrameBytes + 56, 0xd777);
  const uint64_t other_line = Walk();
  PutFrames(3);
  Put(kFrames + 32, 0xc777);
  const uint64_t other_code = Walk();
  PutFrames(2);
  const uint64_t shorter = Walk();
  EXPECT_NE(hash, other_line);
  EXPECT_NE(hash, other_code);
  EXPECT_NE(hash, shorter);
  EXPECT_NE(other_line, other_code);
}

TEST_F(PyFramesTest, AThreadWithoutTheThreadStateHasNoStack) {
  PutFrames(3);
  memory_.thread_pointer = kThread + 64;  // a native thread
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  memory_.thread_pointer = kThread;
  Put(kStateWord, 0);  // nobody holds the GIL
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  Put(kStateWord, kState);
  layout_.usable = 0;
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  EXPECT_EQ(memory_.reads, 0);
}

TEST_F(PyFramesTest, NoFrameIsNoStack) {
  Put(kCframe + 8, 0);
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
}

TEST_F(PyFramesTest, ADeepStackIsCutAtItsBound) {
  PutFrames(64);
  Walk();
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NONE);
  EXPECT_EQ(walk_.stack.frame_count, 64u);
  EXPECT_EQ(walk_.stack.truncated, 0u);
  PutFrames(65);
  EXPECT_NE(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_STACK_TOO_DEEP);
  EXPECT_EQ(walk_.stack.frame_count, 64u);
  EXPECT_EQ(walk_.stack.truncated, 1u);
}

// 3.13: the maker of a state that another thread runs in.
TEST_F(PyFramesTest, AShimOnAnotherStackIsAnotherThreads) {
  layout_.owner = 36;
  layout_.owner_c_stack = 3;
  layout_.shim_on_stack = 1;
  PutFrames(5);
  Put(kFrames + 1 * kFrameBytes + 64, 3ull << 32);  // inner ones: not asked
  const uint64_t shim = kFrames + 3 * kFrameBytes;
  Put(shim + 64, 3ull << 32);
  memory_.stack_pointer = shim - 8;
  const uint64_t whole = Walk();
  EXPECT_NE(whole, 0u);
  EXPECT_EQ(walk_.stack.frame_count, 3u);
  memory_.stack_pointer = shim + 8;
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(walk_.stack.frame_count, 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  holds_gil_ = PLIMSOLL_HOLDS_GIL;
  EXPECT_EQ(Walk(), whole);
}

TEST_F(PyFramesTest, ACycleEnds) {
  PutFrames(2);
  Put(kFrames + kFrameBytes + 48, kFrames);
  EXPECT_NE(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_STACK_TOO_DEEP);
  EXPECT_LE(memory_.reads, 200);
  // Of shims alone, too.
  layout_.owner = 36;
  layout_.owner_c_stack = 3;
  for (int i = 0; i < 2; ++i) Put(kFrames + i * kFrameBytes + 64, 3ull << 32);
  EXPECT_EQ(Walk(), 0u);
  EXPECT_LE(memory_.reads, 200);
}

TEST_F(PyFramesTest, ShimFramesAreSkipped) {
  layout_.owner = 36;  // 68 - 32
  layout_.owner_c_stack = 3;
  PutFrames(4);
  Put(kFrames + 1 * kFrameBytes + 64, 3ull << 32);
  Put(kFrames + 3 * kFrameBytes + 64, 4ull << 32);  // 3.14: above is one too
  EXPECT_NE(Walk(), 0u);
  ASSERT_EQ(walk_.stack.frame_count, 2u);
  EXPECT_EQ(walk_.stack.frames[0].code, 0xc000u);
  EXPECT_EQ(walk_.stack.frames[1].code, 0xc002u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NONE);
}

TEST_F(PyFramesTest, LastiAndTags) {
  PutFrames(1);
  Put(kFrames + 56, 0x1234567800000042);
  Put(kFrames + 32, 0xc001);
  layout_.instruction_is_lasti = 1;
  layout_.code_tag_mask = ~uint64_t{3};
  Walk();
  EXPECT_EQ(walk_.stack.frames[0].instruction, 0x42u);
  EXPECT_EQ(walk_.stack.frames[0].code, 0xc000u);
}

// Each read in turn fails: no stack, or a shorter one that says it was cut.
TEST_F(PyFramesTest, EveryReadMayFail) {
  PutFrames(5);
  const uint64_t whole = Walk();
  const int reads = memory_.reads;
  ASSERT_EQ(reads, 4 + 5);
  for (int i = 0; i < reads; ++i) {
    memory_.fail_read = i;
    const uint64_t hash = Walk();
    EXPECT_EQ(reason_, PLIMSOLL_DROP_STACK_READ_FAULT) << "read " << i;
    EXPECT_NE(hash, whole) << "read " << i;
    if (i <= 4) {
      EXPECT_EQ(hash, 0u) << "read " << i;
    } else {
      EXPECT_NE(hash, 0u) << "read " << i;
      EXPECT_EQ(walk_.stack.frame_count, static_cast<uint32_t>(i - 4));
      EXPECT_EQ(walk_.stack.truncated, 1u);
    }
  }
}

// Offsets beyond what user space would ever write stay inside the window.
TEST_F(PyFramesTest, WildOffsetsStayInside) {
  PutFrames(2);
  layout_.code = layout_.previous = layout_.instruction = 0xffffffff;
  layout_.owner = 0x7fffffff;
  layout_.owner_c_stack = 0xff;
  Walk();  // the sanitizers of the asan preset are the judge
  layout_.window_bytes = 0xffffffff;
  Walk();
  EXPECT_LE(walk_.stack.frame_count, 64u);
}

}  // namespace
}  // namespace plimsoll::testing
