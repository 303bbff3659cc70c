/* The kernel <-> user ABI of a walk over Python's frames: how, and what it
 * gives. As bpf_events.h, which includes this: C11 and C++20, the same layout
 * for BPF and the host.
 */
#ifndef PLIMSOLL_BPF_FRAMES_H_
#define PLIMSOLL_BPF_FRAMES_H_

#include <linux/types.h>

enum {
  PLIMSOLL_MAX_FRAMES = 64,          /* deeper stacks are cut, and counted */
  PLIMSOLL_MAX_SHIM_FRAMES = 64,     /* C-boundary frames skipped per walk */
  PLIMSOLL_FRAME_WINDOW_BYTES = 128, /* one read covers a frame's fields */
  PLIMSOLL_MAX_INTERPRETERS = 32,    /* further ones are not looked at */
  /* PyThreadState._status.bound_gilstate, 3.12 on. */
  PLIMSOLL_LAST_ENTERED = 1 << 3,
};

/* How to walk the frames of one process (core::FrameLayout, checked). The
 * frame's fields are relative to window_offset: the walk reads window_bytes at
 * frame + window_offset once per frame. */
struct plimsoll_frame_layout {
  __u64 thread_state_address;
  __u64 code_tag_mask;
  __s32 tstate_thread_id;
  __s32 tstate_frame;
  __s32 cframe_current_frame; /* -1: tstate_frame is the frame itself */
  __u32 window_offset;
  __u32 window_bytes;
  __u32 code;
  __u32 previous;
  __u32 instruction;
  __s32 owner;         /* -1: no owner byte */
  __u32 owner_c_stack; /* this owner value and above: a shim frame */
  __u32 instruction_is_lasti;
  __u32 usable; /* 0: no walk; counted as no thread state */
  /* Interpreters with a GIL of their own: the word that leads to the newest,
   * and the oldest, whose GIL thread_state_address is in. 0: there are none. */
  __u64 interpreters;
  __u64 main_interpreter;
  __u32 interpreter_next;
  __u32 interpreter_gil;
  __u32 gil_last_holder;
  __s32 tstate_status; /* -1: a thread has a state in one interpreter only */
  /* From a thread's fsbase to the word that leads to the state that it entered
   * last, of whichever thread; -1: states are found by their GILs. */
  __s32 in_thread;
  /* 3.10 to 3.12, in a thread state: its word that leads to the stack of the
   * thread that runs in it; -1: states are told by who made them. */
  __s32 tstate_c_frame;
  /* 3.13: the outermost shim frame of a walk is on the stack of its thread. */
  __u32 shim_on_stack;
  __u32 padding;
};

struct plimsoll_frame {
  __u64 code;
  __u64 instruction;
};

/* Key of the stack table; hash is never 0 (0: no Python stack). */
struct plimsoll_stack_key {
  __u64 hash;
  __u32 tgid;
  __u32 padding;
};

struct plimsoll_stack {
  __u32 frame_count;
  __u32 truncated;
  struct plimsoll_frame frames[PLIMSOLL_MAX_FRAMES]; /* innermost first */
};

#ifdef __cplusplus
#define PLIMSOLL_ASSERT_SIZE(type, bytes) \
  static_assert(sizeof(struct type) == (bytes), #type)
#else
#define PLIMSOLL_ASSERT_SIZE(type, bytes) \
  _Static_assert(sizeof(struct type) == (bytes), #type)
#endif
PLIMSOLL_ASSERT_SIZE(plimsoll_frame_layout, 112);
PLIMSOLL_ASSERT_SIZE(plimsoll_stack, 8 + 16 * PLIMSOLL_MAX_FRAMES);

#endif /* PLIMSOLL_BPF_FRAMES_H_ */
