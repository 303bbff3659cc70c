// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The state of the thread that runs now, in whichever of a process'
 * interpreters that is. As pyframes.bpf.h, which includes this.
 *
 * A thread has Python frames only while the interpreter's current thread state
 * is its own. A native thread, or one that has let the GIL go to another, gets
 * no stack (PLIMSOLL_DROP_NO_THREAD_STATE). A program may make a state in one
 * thread and enter it in another, so the state is the thread's own
 *   - where the hit proves that the thread holds the GIL (PLIMSOLL_HOLDS_GIL)
 *     and there is one;
 *   - in 3.10 to 3.12 when its cframe, a variable of the loop that runs the
 *     code, stands on the thread's stack;
 *   - else when the thread made it: tstate.thread_id is pthread_self(), which
 *     glibc and musl keep in fsbase. One that was handed on then gives no stack
 *     to the thread that runs in it. In 3.13 the walk asks the loop's shim
 *     frame as well, which is such a variable; in 3.7 to 3.9, 3.14 and 3.15 a
 *     thread that made a state, handed it on and is out of Python would be
 *     given the stack of the one that runs in it.
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
 */
#ifndef PLIMSOLL_THREAD_STATE_BPF_H_
#define PLIMSOLL_THREAD_STATE_BPF_H_

#include "plimsoll/bpf_events.h"
#include "plimsoll/drop_reasons.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

enum {
  PLIMSOLL_MAYBE_NO_GIL = 0,
  PLIMSOLL_HOLDS_GIL = 1, /* that of its interpreter: it makes an object */
};

/* Whether `address` is on the current thread's stack. C libraries keep the
 * control block of a thread at the end of its stack; that of the first thread
 * is above all that is mapped, its control block below. */
static __always_inline __u32 plimsoll_on_own_stack(__u64 address,
                                                   __u64 thread_pointer) {
  __u64 stack = plimsoll_stack_pointer();
  return stack && address >= stack &&
         (stack > thread_pointer || address < thread_pointer);
}

/* The thread state that the word at `address` leads to, when it is the one that
 * the current thread runs in, or has run in last: 0 if not. thread_pointer 0:
 * it is. *fault: a read failed. */
static __always_inline __u64
plimsoll_own_state(const struct plimsoll_frame_layout *layout, __u64 address,
                   __u64 thread_pointer, __u32 *fault) {
  __u64 tstate = 0, word = 0;
  __u32 status = PLIMSOLL_LAST_ENTERED;
  *fault = 1;
  if (plimsoll_read_user(&tstate, 8, address)) return 0;
  if (!tstate || !thread_pointer) {
    *fault = 0;
    return tstate;
  }
  if (layout->tstate_c_frame >= 0) {
    if (plimsoll_read_user(&word, 8, tstate + (__u32)layout->tstate_c_frame))
      return 0;
    *fault = 0;
    return plimsoll_on_own_stack(word, thread_pointer) ? tstate : 0;
  }
  if (plimsoll_read_user(&word, 8, tstate + (__u32)layout->tstate_thread_id))
    return 0;
  if (word != thread_pointer) {
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
static __always_inline __u64
plimsoll_thread_state(const struct plimsoll_frame_layout *layout,
                      __u32 holds_gil, __u32 *reason) {
  __u64 thread_pointer = plimsoll_thread_pointer(), newest = 0, tstate = 0;
  __u32 fault = 0, one_gil = layout->tstate_status < 0; /* up to 3.11 */
  if (layout->interpreters && (holds_gil || layout->in_thread >= 0)) {
    if (plimsoll_read_user(&newest, 8, layout->interpreters)) fault = 1;
    one_gil = newest == layout->main_interpreter;
    if (!fault && !one_gil && layout->in_thread >= 0)
      fault = plimsoll_read_user(
                  &tstate, 8, thread_pointer + (__u32)layout->in_thread) != 0;
    if (fault) *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
    if (fault || (!one_gil && layout->in_thread >= 0)) return tstate;
  }
  tstate =
      plimsoll_own_state(layout, layout->thread_state_address,
                         holds_gil && one_gil ? 0 : thread_pointer, &fault);
  if (fault) *reason = PLIMSOLL_DROP_STACK_READ_FAULT;
  if (tstate || one_gil || layout->in_thread >= 0) return tstate;
  return plimsoll_state_of_another_gil(layout, thread_pointer, reason);
}

#endif /* PLIMSOLL_THREAD_STATE_BPF_H_ */
