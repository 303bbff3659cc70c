// The BPF frame walk built for the host: its helpers read a made-up memory, in
// which any read can be made to fail. Each file that includes this has a walk
// of its own.
#ifndef PLIMSOLL_TESTS_BPF_HOST_BPF_FRAMES_FIXTURE_H_
#define PLIMSOLL_TESTS_BPF_HOST_BPF_FRAMES_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>

namespace plimsoll::testing {

// Memory of a made-up process. A read is good when all its bytes are there.
struct FakeMemory {
  std::map<uint64_t, uint8_t> bytes;
  uint64_t thread_pointer = 0;
  uint64_t stack_pointer = 0;
  int reads = 0;
  int fail_read = -1;  // the n-th read fails
};
inline FakeMemory* frame_memory = nullptr;

}  // namespace plimsoll::testing

inline int plimsoll_read_user(void* out, uint32_t count, uint64_t address) {
  plimsoll::testing::FakeMemory& memory = *plimsoll::testing::frame_memory;
  if (memory.reads++ == memory.fail_read) return -14;
  auto* bytes = static_cast<uint8_t*>(out);
  for (uint32_t i = 0; i < count; ++i) {
    const auto found = memory.bytes.find(address + i);
    if (found == memory.bytes.end()) return -14;
    bytes[i] = found->second;
  }
  return 0;
}

inline uint64_t plimsoll_thread_pointer() {
  return plimsoll::testing::frame_memory->thread_pointer;
}

inline uint64_t plimsoll_stack_pointer() {
  return plimsoll::testing::frame_memory->stack_pointer;
}

#include "bpf/pyframes.bpf.h"

namespace plimsoll::testing {

inline constexpr uint64_t kThread = 0x7f0000001700;
inline constexpr uint64_t kStateWord = 0x9000;
inline constexpr uint64_t kState = 0xa000;
inline constexpr uint64_t kCframe = 0xb000;
inline constexpr uint64_t kFrames = 0x100000;
inline constexpr uint64_t kFrameBytes = 96;

class PyFramesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    frame_memory = &memory_;
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
    layout_.tstate_status = layout_.in_thread = layout_.tstate_c_frame = -1;
  }
  void TearDown() override { frame_memory = nullptr; }

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
    return plimsoll_walk_frames(&layout_, holds_gil_, &walk_, &reason_);
  }

  FakeMemory memory_;
  plimsoll_frame_layout layout_ = {};
  plimsoll_walk walk_;
  uint32_t reason_ = 99;
  uint32_t holds_gil_ = PLIMSOLL_MAYBE_NO_GIL;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_HOST_BPF_FRAMES_FIXTURE_H_
