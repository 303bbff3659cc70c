// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The bounded walk of CPython's frames, by offsets that user space fills in.
 * Built for BPF and, with stub helpers, for the host (tests/bpf_host): the file
 * that includes this defines first
 *   plimsoll_read_user(void *dst, u32 bytes, u64 address) -> 0 or an error
 *   plimsoll_thread_pointer(void) -> fsbase of the current task
 *   plimsoll_stack_pointer(void) -> its rsp in user space, or 0
 *
 * Whose state the frames hang from: bpf/thread_state.bpf.h.
 *
 * The frame chain by version: agent/python fills struct plimsoll_frame_layout,
 * agent/core/python_layout.h names the fields' sources. Every address is the
 * target's word for it: each read may fail, the loop is bounded.
 */
#ifndef PLIMSOLL_PYFRAMES_BPF_H_
#define PLIMSOLL_PYFRAMES_BPF_H_

#include "bpf/thread_state.bpf.h"
#include "plimsoll/bpf_events.h"
#include "plimsoll/bpf_watch.h"
#include "plimsoll/drop_reasons.h"

static __always_inline __u64 plimsoll_hash_word(__u64 hash, __u64 word) {
  hash ^= word;
  hash *= 0x9e3779b97f4a7c15ULL;
  return hash ^ (hash >> 29);
}

static __always_inline __u64
plimsoll_window_word(const struct plimsoll_walk *walk, __u32 offset) {
  const __u8 *at = &walk->window[offset & (PLIMSOLL_FRAME_WINDOW_BYTES - 1)];
#ifdef __bpf__ /* one load: x86 needs no alignment, clang would go by bytes */
  return *(const volatile __u64 *)at;
#else
  __u64 word;
  __builtin_memcpy(&word, at, 8);
  return word;
#endif
}

/* The innermost frame of the current thread; 0 and a drop reason when there is
 * none. */
static __always_inline __u64
plimsoll_innermost_frame(const struct plimsoll_frame_layout *layout,
                         __u32 holds_gil, __u32 *reason) {
  __u64 tstate, frame = 0;
  *reason = PLIMSOLL_DROP_NO_THREAD_STATE;
  if (!layout->usable) return 0;
  tstate = plimsoll_thread_state(layout, holds_gil, reason);
  if (!tstate) return 0;
  *reason = PLIMSOLL_DROP_NO_THREAD_STATE;
  if (plimsoll_read_user(&frame, 8, tstate + (__u32)layout->tstate_frame)) {
    *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
    return 0;
  }
  if (frame && layout->cframe_current_frame >= 0) {
    __u64 cframe = frame;
    frame = 0;
    if (plimsoll_read_user(&frame, 8,
                           cframe + (__u32)layout->cframe_current_frame)) {
      *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
      return 0;
    }
  }
  return frame; /* 0: the thread runs no Python code now */
}

/* Fills walk->stack and returns its hash. 0: no stack, *reason says why. A
 * stack cut short by a fault or its depth has a hash, and *reason is set. */
static __always_inline __u64 plimsoll_walk_frames(
    const struct plimsoll_frame_layout *layout, __u32 holds_gil,
    struct plimsoll_walk *walk, __u32 *reason) {
  __u64 hash = 0xcbf29ce484222325ULL;
  __u64 frame = plimsoll_innermost_frame(layout, holds_gil, reason);
  __u32 count, bytes = layout->window_bytes;
  if (!frame) return 0;
  *reason = PLIMSOLL_DROP_NONE;
  walk->stack.truncated = 0;
  /* The count lives in memory, where the verifier does not follow its value:
   * else it would check every pair of (iteration, count) on its own. */
  walk->stack.frame_count = 0;
  walk->shim = 0;
  if (bytes > PLIMSOLL_FRAME_WINDOW_BYTES) bytes = PLIMSOLL_FRAME_WINDOW_BYTES;
#ifdef __bpf__
#pragma clang loop unroll(disable)
#endif
  for (int i = 0; i < PLIMSOLL_MAX_FRAMES + PLIMSOLL_MAX_SHIM_FRAMES; i++) {
    if (!frame) break;
    count = *(volatile __u32 *)&walk->stack.frame_count;
    if (count >= PLIMSOLL_MAX_FRAMES) {
      *reason = PLIMSOLL_DROP_STACK_TOO_DEEP;
      break;
    }
    if (plimsoll_read_user(walk->window, bytes,
                           frame + layout->window_offset)) {
      *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
      break;
    }
    if (layout->owner >= 0 &&
        walk->window[layout->owner & (PLIMSOLL_FRAME_WINDOW_BYTES - 1)] >=
            layout->owner_c_stack) {
      /* A shim between C and Python: no code of its own. The outermost that was
       * seen; to keep the first would be a branch more for the verifier. */
      walk->shim = frame;
      frame = plimsoll_window_word(walk, layout->previous);
      continue;
    }
    frame = plimsoll_window_word(walk, layout->previous);
    __u64 code =
        plimsoll_window_word(walk, layout->code) & layout->code_tag_mask;
    __u64 instruction = plimsoll_window_word(walk, layout->instruction);
    if (layout->instruction_is_lasti) instruction &= 0xffffffffULL;
    walk->stack.frames[count & (PLIMSOLL_MAX_FRAMES - 1)].code = code;
    walk->stack.frames[count & (PLIMSOLL_MAX_FRAMES - 1)].instruction =
        instruction;
    hash = plimsoll_hash_word(plimsoll_hash_word(hash, code), instruction);
    walk->stack.frame_count = count + 1;
  }
  if (layout->shim_on_stack && !holds_gil && walk->shim &&
      !plimsoll_on_own_stack(walk->shim, plimsoll_thread_pointer())) {
    *reason = PLIMSOLL_DROP_NO_THREAD_STATE;
    walk->stack.frame_count = 0;
    return 0;
  }
  if (!*reason && frame) *reason = PLIMSOLL_DROP_STACK_TOO_DEEP;
  if (*reason) walk->stack.truncated = 1;
  count = *(volatile __u32 *)&walk->stack.frame_count;
  if (!count) return 0; /* only shims, or the first read failed */
  hash = plimsoll_hash_word(hash, count | (__u64)walk->stack.truncated << 32);
  return hash ? hash : 1;
}

#endif /* PLIMSOLL_PYFRAMES_BPF_H_ */
