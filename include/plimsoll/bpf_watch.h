/* The kernel <-> user ABI of the birth watch, and the room of a frame walk.
 * As bpf_events.h: C11 and C++20, the same layout for BPF and the host; only
 * bpf/ and agent/bpf include this. Times are bpf_ktime_get_ns.
 */
#ifndef PLIMSOLL_BPF_WATCH_H_
#define PLIMSOLL_BPF_WATCH_H_

#include "plimsoll/bpf_events.h"

enum { PLIMSOLL_MAX_WATCHES = 4 }; /* debug registers of a thread */

/* What one walk works in: too large for the BPF stack. */
struct plimsoll_walk {
  struct plimsoll_stack stack;
  /* 8 more so that a word at the last offset stays inside. */
  __u8 window[PLIMSOLL_FRAME_WINDOW_BYTES + 8];
};

/* One watched word: its address is that of the breakpoint. */
struct plimsoll_watch_key {
  __u64 address;
  __u32 tgid;
  __u32 padding;
};

/* The first three are core::WriteWatch, written by user space before the
 * watchpoint stands; the rest is counted by BPF. */
struct plimsoll_watched {
  __u64 type_address;
  __u64 type;
  __u64 untracked_address;
  __u64 hits;
  __u64 last_ns;
  __u64 births; /* writes that count as one; 0 again when overwritten */
  __u32 busy;   /* a walk is under way */
  __u32 padding;
  struct plimsoll_walk walk; /* of the last birth; frame_count 0: no stack */
};

PLIMSOLL_ASSERT_SIZE(plimsoll_watch_key, 16);
PLIMSOLL_ASSERT_SIZE(plimsoll_watched, 56 + sizeof(struct plimsoll_walk));

#endif /* PLIMSOLL_BPF_WATCH_H_ */
