// The BPF frame walk, built for the host, over frames that are the fuzzer's:
// each read gives the input's next bytes. The first byte picks a failing read,
// the next ones the layout.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

struct Input {
  const uint8_t* data = nullptr;
  size_t left = 0;
  uint64_t thread_pointer = 0;
  uint64_t stack_pointer = 0;
  int reads = 0;
};
Input* input = nullptr;

int plimsoll_read_user(void* out, uint32_t count, uint64_t) {
  ++input->reads;
  if (count > input->left) return -14;
  std::memcpy(out, input->data, count);
  input->data += count;
  input->left -= count;
  return 0;
}

uint64_t plimsoll_thread_pointer() { return input->thread_pointer; }
uint64_t plimsoll_stack_pointer() { return input->stack_pointer; }

}  // namespace

#include "bpf/pyframes.bpf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plimsoll_frame_layout layout = {};
  if (size < sizeof(layout) + 24) return 0;
  std::memcpy(&layout, data, sizeof(layout));
  layout.usable = 1;
  Input here{data + sizeof(layout), size - sizeof(layout)};
  // As a thread's own state would have it: the second word read.
  std::memcpy(&here.thread_pointer, here.data + 8, 8);
  here.stack_pointer = layout.padding;
  const uint32_t holds_gil = layout.padding & 1;
  input = &here;
  plimsoll_walk walk;
  std::memset(&walk, 0xee, sizeof(walk));
  uint32_t reason = 0;
  const uint64_t hash =
      plimsoll_walk_frames(&layout, holds_gil, &walk, &reason);
  input = nullptr;
  if (hash == 0 && reason == PLIMSOLL_DROP_NONE && layout.owner < 0) {
    std::abort();
  }
  if (hash != 0 && (walk.stack.frame_count == 0 ||
                    walk.stack.frame_count > PLIMSOLL_MAX_FRAMES)) {
    std::abort();
  }
  if (here.reads > 6 + 5 * PLIMSOLL_MAX_INTERPRETERS + PLIMSOLL_MAX_FRAMES +
                       PLIMSOLL_MAX_SHIM_FRAMES) {
    std::abort();
  }
  return 0;
}
