// The BPF frame walk built for the host: its two helpers read a made-up memory,
// in which any read can be made to fail.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>

namespace {

// Memory of a made-up process. A read is good when all its bytes are there.
struct FakeMemory {
  std::map<uint64_t, uint8_t> bytes;
  uint64_t thread_pointer = 0;
  int reads = 0;
  int fail_read = -1;  // the n-th read fails
};
FakeMemory* memory = nullptr;

int plimsoll_read_user(void* out, uint32_t count, uint64_t address) {
  if (memory->reads++ == memory->fail_read) return -14;
  auto* bytes = static_cast<uint8_t*>(out);
  for (uint32_t i = 0; i < count; ++i) {
    const auto found = memory->bytes.find(address + i);
    if (found == memory->bytes.end()) return -14;
    bytes[i] = found->second;
  }
  return 0;
}

uint64_t plimsoll_thread_pointer() { return memory->thread_pointer; }

}  // namespace

#include "bpf/pyframes.bpf.h"

namespace {

constexpr uint64_t kThread = 0x7f0000001700;
constexpr uint64_t kStateWord = 0x9000;
constexpr uint64_t kState = 0xa000;
constexpr uint64_t kCframe = 0xb000;
constexpr uint64_t kFrames = 0x100000;
constexpr uint64_t kFrameBytes = 96;

class PyFramesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    memory = &memory_;
    memory_.thread_pointer = kThread;
    Put(kStateWord, kState);
    Put(kState + 152, kThread);
    Put(kState + 56, kCframe);
    Put(kCframe + 8, kFrames);
    // 3.11: f_code 32, previous 48, prev_instr 56.
    layout_.thread_state_address = kStateWord;
    layout_.code_tag_mask = ~uint64_t{0};
    layout_.tstate_thread_id = 152;
    layout_.tstate_frame = 56;
    layout_.cframe_current_frame = 8;
    layout_.window_offset = 32;
    layout_.window_bytes = 40;
    layout_.code = 0;
    layout_.previous = 16;
    layout_.instruction = 24;
    layout_.owner = -1;
    layout_.usable = 1;
    layout_.tstate_status = layout_.in_thread = -1;
  }
  void TearDown() override { memory = nullptr; }

  void Put(uint64_t address, uint64_t word) {
    for (int i = 0; i < 8; ++i) {
      memory_.bytes[address + i] = static_cast<uint8_t>(word >> (8 * i));
    }
  }
  // `count` frames, innermost first: code 0xc000 + i, instruction 0xd000 + i.
  void PutFrames(int count) {
    for (int i = 0; i < count; ++i) {
      const uint64_t frame = kFrames + i * kFrameBytes;
      for (uint64_t at = 0; at < kFrameBytes; at += 8) Put(frame + at, 0);
      Put(frame + 32, 0xc000 + i);
      Put(frame + 48, i + 1 < count ? frame + kFrameBytes : 0);
      Put(frame + 56, 0xd000 + i);
    }
  }
  uint64_t Walk() {
    std::memset(&walk_, 0xee, sizeof(walk_));  // what an older walk left
    memory_.reads = 0;
    return plimsoll_walk_frames(&layout_, &walk_, &reason_);
  }

  FakeMemory memory_;
  plimsoll_frame_layout layout_ = {};
  plimsoll_walk walk_;
  uint32_t reason_ = 99;
};

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

// From 3.12 on, a list of interpreters: two with a GIL of their own, the main
// one last.
class OwnGilTest : public PyFramesTest {
 protected:
  static constexpr uint64_t kList = 0x9100;
  static constexpr uint64_t kMain = 0x20000;
  static constexpr uint64_t kInner[] = {0x21000, 0x22000};  // newest first
  static constexpr uint64_t kInnerState[] = {0xa400, 0xa800};
  static constexpr uint64_t kOther = 0x7f0000002700;  // another thread

  void SetUp() override {
    PyFramesTest::SetUp();
    layout_.tstate_status = 24;
    layout_.interpreters = kList;
    layout_.main_interpreter = kMain;
    layout_.interpreter_next = 8;
    layout_.interpreter_gil = 16;
    layout_.gil_last_holder = 8;
    layout_.thread_state_address = kMain + 100 + 8;
    PutInterpreter(kMain, 0);
    PutInterpreter(kInner[0], kInner[1]);
    PutInterpreter(kInner[1], kMain);
    Put(kList, kInner[0]);
    PutFrames(1);
    PutState(kMain, kState, kOther, true);
    for (const int i : {0, 1}) {
      PutState(kInner[i], kInnerState[i], kOther, true);
    }
  }
  void PutInterpreter(uint64_t interpreter, uint64_t next) {
    Put(interpreter + 8, next);
    Put(interpreter + 16, interpreter + 100);  // its GIL
  }
  // The last holder of an interpreter's GIL, in a frame whose code is the
  // state's address.
  void PutState(uint64_t interpreter, uint64_t state, uint64_t thread,
                bool entered_last) {
    Put(interpreter + 100 + 8, state);
    Put(state + 152, thread);
    Put(state + 24, entered_last ? 0x1b : 0x13);
    Put(state + 56, state + 256);
    const uint64_t frame = kFrames + 0x10 * state;
    Put(state + 256 + 8, frame);
    for (uint64_t at = 0; at < kFrameBytes; at += 8) Put(frame + at, 0);
    Put(frame + 32, state);
  }
  // The state in whose frames the walk found itself; 0: in none.
  uint64_t Walked() { return Walk() ? walk_.stack.frames[0].code : 0; }
};

TEST_F(OwnGilTest, TheStateOfTheCurrentThreadIsFoundInAnyInterpreter) {
  EXPECT_EQ(Walked(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  PutState(kMain, kState, kThread, true);
  EXPECT_EQ(Walked(), kState);
  PutState(kMain, kState, kOther, true);
  for (const int i : {0, 1}) {
    PutState(kInner[i], kInnerState[i], kThread, true);
    EXPECT_EQ(Walked(), kInnerState[i]) << i;
    EXPECT_EQ(reason_, PLIMSOLL_DROP_NONE);
    PutState(kInner[i], kInnerState[i], kOther, true);
  }
}

// run_string() of the main interpreter: its GIL is free, the last to hold it
// was this thread, which now makes objects elsewhere.
TEST_F(OwnGilTest, AStateThatItsThreadHasLeftIsNotItsStack) {
  PutState(kMain, kState, kThread, false);
  EXPECT_EQ(Walked(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  PutState(kInner[0], kInnerState[0], kThread, false);
  PutState(kInner[1], kInnerState[1], kThread, true);
  EXPECT_EQ(Walked(), kInnerState[1]);
}

// 3.12: run_string() in a thread runs in the state of the thread that made the
// interpreter, whose own stack it is not.
TEST_F(OwnGilTest, AStateMadeByAnotherThreadIsThatOfTheThreadWhichEnteredIt) {
  layout_.in_thread = 0x318;
  Put(kThread + 0x318, kInnerState[0]);
  Put(kOther + 0x318, kState);
  PutState(kInner[0], kInnerState[0], kOther, true);
  EXPECT_EQ(Walked(), kInnerState[0]);
  memory_.thread_pointer = kOther;
  EXPECT_EQ(Walked(), kState);
  Put(kOther + 0x318, 0);  // no Python in it
  EXPECT_EQ(Walked(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  memory_.bytes.erase(kOther + 0x318);
  EXPECT_EQ(Walked(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_STACK_READ_FAULT);
  // One interpreter: by its GIL, as before there were others.
  Put(kList, kMain);
  EXPECT_EQ(Walked(), kState);
}

TEST_F(OwnGilTest, OneThatSharesTheMainGilIsLookedAtOnce) {
  const int with_two = (Walk(), memory_.reads);
  for (const int i : {0, 1}) Put(kInner[i] + 16, kMain + 100);
  EXPECT_EQ(Walked(), 0u);
  EXPECT_LT(memory_.reads, with_two);
  // With one interpreter one word more is read than before there were others.
  Put(kList, kMain);
  Walk();
  EXPECT_EQ(memory_.reads, 3);
}

TEST_F(OwnGilTest, TheListIsBounded) {
  PutState(kInner[0], kInnerState[0], kThread, true);
  for (int i = 0; i < 40; ++i) {
    const uint64_t one = 0x30000 + 0x100 * static_cast<uint64_t>(i);
    PutInterpreter(one, i < 39 ? one + 0x100 : kInner[0]);
    Put(one + 16, 0);  // it has no GIL yet
  }
  const auto from = [this](int begin) {
    Put(kList, 0x30000 + 0x100 * static_cast<uint64_t>(begin));
    return Walked();
  };
  EXPECT_EQ(from(40 - (PLIMSOLL_MAX_INTERPRETERS - 1)), kInnerState[0]);
  EXPECT_EQ(from(40 - PLIMSOLL_MAX_INTERPRETERS), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  // A ring, and a list that ends without the main interpreter.
  Put(kInner[0] + 8, kInner[0]);
  Put(kInner[0] + 16, kMain + 100);
  Put(kList, kInner[0]);
  EXPECT_EQ(Walked(), 0u);
  EXPECT_LE(memory_.reads, 6 + 5 * PLIMSOLL_MAX_INTERPRETERS);
  Put(kInner[0] + 8, 0);
  EXPECT_EQ(Walked(), 0u);
}

// Each read in turn fails: no stack of somebody else, none that is whole.
TEST_F(OwnGilTest, EveryReadOfTheLongWayMayFail) {
  PutState(kInner[1], kInnerState[1], kThread, true);
  ASSERT_EQ(Walked(), kInnerState[1]);
  const int reads = memory_.reads;
  for (int i = 0; i < reads; ++i) {
    memory_.fail_read = i;
    const uint64_t state = Walked();
    // A state of another thread that cannot be read is passed over.
    EXPECT_TRUE(state == 0 || state == kInnerState[1]) << "read " << i;
    if (state == 0) {
      EXPECT_EQ(reason_, PLIMSOLL_DROP_STACK_READ_FAULT) << "read " << i;
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
