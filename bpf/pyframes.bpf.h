// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The bounded walk of CPython's frames, by offsets that user space fills in.
 * Built for BPF and, with stub helpers, for the host (tests/bpf_host): the file
 * that includes this defines first
 *   plimsoll_read_user(void *dst, u32 bytes, u64 address) -> 0 or an error
 *   plimsoll_thread_pointer(void) -> fsbase of the current task
 *
 * A thread has Python frames only while the interpreter's current thread state
 * is its own: tstate.thread_id is pthread_self(), which glibc and musl keep in
 * fsbase. A native thread, or one that has let the GIL go to another, gets no
 * stack (PLIMSOLL_DROP_NO_THREAD_STATE), never somebody else's.
 *
 * From 3.12 an interpreter may have a GIL of its own, and a thread that goes
 * from one to the other stays the last holder of the GIL that it let go. So its
 * state there counts only while CPython calls it the one that the thread
 * entered last (PyThreadState._status.bound_gilstate, which each entry moves:
 * tstate_activate in Python/pystate.c, 3.12 to 3.15); else the other GILs are
 * asked, at most PLIMSOLL_MAX_INTERPRETERS, newest first. 3.12 runs code in a
 * state that another thread made, and whose thread_id is that one's
 * (python/cpython#109860): where there are several interpreters, the state
 * there is what the thread's own autoTSSkey leads to, which each entry sets.
 *
 * The frame chain by version: agent/python fills struct plimsoll_frame_layout,
 * agent/core/python_layout.h names the fields' sources. Every address is the
 * target's word for it: each read may fail, the loop is bounded.
 */
#ifndef PLIMSOLL_PYFRAMES_BPF_H_
#define PLIMSOLL_PYFRAMES_BPF_H_

#include "plimsoll/bpf_events.h"
#include "plimsoll/bpf_watch.h"
#include "plimsoll/drop_reasons.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

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

/* The thread state that the word at `address` leads to, when it is the one that
 * the current thread runs in, or has run in last: 0 if not. *fault: a read
 * failed. */
static __always_inline __u64
plimsoll_own_state(const struct plimsoll_frame_layout *layout, __u64 address,
                   __u64 thread_pointer, __u32 *fault) {
  __u64 tstate = 0, thread_id = 0;
  __u32 status = PLIMSOLL_LAST_ENTERED;
  *fault = 1;
  if (plimsoll_read_user(&tstate, 8, address)) return 0;
  if (tstate && plimsoll_read_user(&thread_id, 8,
                                   tstate + (__u32)layout->tstate_thread_id))
    return 0;
  if (!tstate || thread_id != thread_pointer) {
    *fault = 0;
    return 0;
  }
  if (layout->tstate_status >= 0 &&
      plimsoll_read_user(&status, 4, tstate + (__u32)layout->tstate_status))
    return 0;
  *fault = 0;
  return status & PLIMSOLL_LAST_ENTERED ? tstate : 0;
}

/* The same, of the interpreters that have a GIL of their own. */
static __always_inline __u64
plimsoll_state_of_another_gil(const struct plimsoll_frame_layout *layout,
                              __u64 thread_pointer, __u32 *reason) {
  __u64 interpreter = 0, gil = 0, tstate;
  __u32 fault = 0;
  if (!layout->interpreters) return 0;
  if (plimsoll_read_user(&interpreter, 8, layout->interpreters)) fault = 1;
#ifdef __bpf__
#pragma clang loop unroll(disable)
#endif
  for (int i = 0; i < PLIMSOLL_MAX_INTERPRETERS; i++) {
    if (fault || !interpreter || interpreter == layout->main_interpreter) break;
    if (plimsoll_read_user(&gil, 8, interpreter + layout->interpreter_gil)) {
      fault = 1;
      break;
    }
    /* One that shares the main interpreter's was looked at with it. */
    if (gil && gil + layout->gil_last_holder != layout->thread_state_address) {
      tstate = plimsoll_own_state(layout, gil + layout->gil_last_holder,
                                  thread_pointer, &fault);
      if (tstate) return tstate;
      /* Another thread's state may be freed under us: the next one, then. */
      if (fault) *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
    }
    fault = plimsoll_read_user(&interpreter, 8,
                               interpreter + layout->interpreter_next) != 0;
  }
  if (fault) *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
  return 0;
}

/* The thread state that the current thread runs in; 0 when there is none, and
 * *reason where a read failed. */
static __always_inline __u64 plimsoll_thread_state(
    const struct plimsoll_frame_layout *layout, __u32 *reason) {
  __u64 thread_pointer = plimsoll_thread_pointer(), newest = 0, tstate = 0;
  __u32 fault = 0;
  if (layout->interpreters && layout->in_thread >= 0) {
    if (plimsoll_read_user(&newest, 8, layout->interpreters)) fault = 1;
    if (!fault && newest != layout->main_interpreter)
      fault = plimsoll_read_user(
                  &tstate, 8, thread_pointer + (__u32)layout->in_thread) != 0;
    if (fault) *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
    if (fault || newest != layout->main_interpreter) return tstate;
  }
  tstate = plimsoll_own_state(layout, layout->thread_state_address,
                              thread_pointer, &fault);
  if (fault) *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
  if (tstate || layout->in_thread >= 0) return tstate;
  return plimsoll_state_of_another_gil(layout, thread_pointer, reason);
}

/* The innermost frame of the current thread; 0 and a drop reason when there is
 * none. */
static __always_inline __u64 plimsoll_innermost_frame(
    const struct plimsoll_frame_layout *layout, __u32 *reason) {
  __u64 tstate, frame = 0;
  *reason = PLIMSOLL_DROP_NO_THREAD_STATE;
  if (!layout->usable) return 0;
  tstate = plimsoll_thread_state(layout, reason);
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
static __always_inline __u64
plimsoll_walk_frames(const struct plimsoll_frame_layout *layout,
                     struct plimsoll_walk *walk, __u32 *reason) {
  __u64 hash = 0xcbf29ce484222325ULL;
  __u64 frame = plimsoll_innermost_frame(layout, reason);
  __u32 count, bytes = layout->window_bytes;
  if (!frame) return 0;
  *reason = PLIMSOLL_DROP_NONE;
  walk->stack.truncated = 0;
  /* The count lives in memory, where the verifier does not follow its value:
   * else it would check every pair of (iteration, count) on its own. */
  walk->stack.frame_count = 0;
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
    frame = plimsoll_window_word(walk, layout->previous);
    if (layout->owner >= 0 &&
        walk->window[layout->owner & (PLIMSOLL_FRAME_WINDOW_BYTES - 1)] >=
            layout->owner_c_stack)
      continue; /* a shim between C and Python: no code of its own */
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
  if (!*reason && frame) *reason = PLIMSOLL_DROP_STACK_TOO_DEEP;
  if (*reason) walk->stack.truncated = 1;
  count = *(volatile __u32 *)&walk->stack.frame_count;
  if (!count) return 0; /* only shims, or the first read failed */
  hash = plimsoll_hash_word(hash, count | (__u64)walk->stack.truncated << 32);
  return hash ? hash : 1;
}

#endif /* PLIMSOLL_PYFRAMES_BPF_H_ */
