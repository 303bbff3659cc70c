// Whose thread state the BPF frame walk takes, over a made-up memory.
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/bpf_host/bpf/frames_fixture.h"

namespace plimsoll::testing {
namespace {

// PyThreadState_New() in one thread, PyEval_AcquireThread() in another: who
// makes an object holds the GIL, so the current state is its own.
TEST_F(PyFramesTest, AStateHandedToAnotherThreadIsThatOfWhoHoldsTheGil) {
  PutFrames(2);
  const uint64_t whole = Walk();
  memory_.thread_pointer = kThread + 0x1000;
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  holds_gil_ = PLIMSOLL_HOLDS_GIL;
  EXPECT_EQ(Walk(), whole);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NONE);
  Put(kStateWord, 0);
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
}

// 3.10 to 3.12, whoever made the state.
TEST_F(PyFramesTest, AStateIsThatOfTheThreadWhoseStackHoldsItsCFrame) {
  PutFrames(2);
  const uint64_t whole = Walk();
  layout_.tstate_c_frame = 56;
  Put(kState + 152, 0);
  // A thread's control block stands at the end of its stack.
  memory_.stack_pointer = kCframe - 8;
  EXPECT_EQ(Walk(), whole);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NONE);
  memory_.thread_pointer = kCframe - 4;  // the stack below
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  // The first thread's is below its stack.
  memory_.thread_pointer = kCframe - 16;
  EXPECT_EQ(Walk(), whole);
  memory_.stack_pointer = kCframe + 8;  // a stack above
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
  memory_.stack_pointer = 0;  // not known
  EXPECT_EQ(Walk(), 0u);
  // Its maker, out of Python while another thread runs in it.
  Put(kState + 152, kThread);
  memory_.thread_pointer = kThread;
  memory_.stack_pointer = kThread - 0x1000;
  EXPECT_EQ(Walk(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
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

// A state that was handed on: who holds the only GIL runs in it. Of several,
// nobody knows which one is held.
TEST_F(OwnGilTest, AStateHandedOnIsThatOfWhoHoldsTheOnlyGil) {
  holds_gil_ = PLIMSOLL_HOLDS_GIL;
  EXPECT_EQ(Walked(), 0u);
  Put(kList, kMain);
  EXPECT_EQ(Walked(), kState);
  holds_gil_ = PLIMSOLL_MAYBE_NO_GIL;
  EXPECT_EQ(Walked(), 0u);
  EXPECT_EQ(reason_, PLIMSOLL_DROP_NO_THREAD_STATE);
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

}  // namespace
}  // namespace plimsoll::testing
