/* The kernel <-> user ABI of the birth watch, and the room of a frame walk.
 * As bpf_events.h: C11 and C++20, the same layout for BPF and the host; only
 * bpf/ and agent/bpf include this. Times are bpf_ktime_get_ns.
 */
#ifndef PLIMSOLL_BPF_WATCH_H_
#define PLIMSOLL_BPF_WATCH_H_

#include "plimsoll/bpf_events.h"
#include "plimsoll/bpf_native.h"

enum {
  PLIMSOLL_MAX_WATCHES = 4, /* debug registers of a thread */
  PLIMSOLL_MAX_CHUNKS = 8,  /* of all processes, under watch at once */
};

/* What one walk works in: too large for the BPF stack. */
struct plimsoll_walk {
  struct plimsoll_stack stack;
  __u64 shim; /* the outermost that the walk came by; 0: none */
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
  __u64 births;   /* writes that count as one; 0 again when overwritten */
  __u32 busy;     /* a walk is under way */
  __u32 last_tid; /* of the last write */
  struct plimsoll_walk walk; /* of the last birth; frame_count 0: no stack */
};

/* Looks at a process each so much of its CPU time: how many, and how many at a
 * string instruction, which watchpoints slow down (core/watch_slowdown.h). */
struct plimsoll_cpu_samples { /* by tgid */
  __u64 taken;
  __u64 in_string;
};

/* Of a chunk of malloc several words are watched, as many as tell each way in
 * which it is made or handed back (core::ChunkWords). */
enum plimsoll_chunk_role {
  PLIMSOLL_CHUNK_HEAD = 0,   /* its size word */
  PLIMSOLL_CHUNK_FIRST = 1,  /* the payload's first word ... */
  PLIMSOLL_CHUNK_SECOND = 2, /* ... and its second */
  PLIMSOLL_CHUNK_NEXT = 3,   /* the size word of the chunk behind it */
  PLIMSOLL_CHUNK_ROLES = 4,
};

struct plimsoll_chunk_word { /* by plimsoll_watch_key */
  __u32 chunk;               /* index of plimsoll_watched_chunk */
  __u32 role;
};

struct plimsoll_watched_chunk {
  /* Written by user space before the watchpoints stand. */
  __u64 malloc_begin; /* addresses of malloc's code */
  __u64 malloc_end;
  __u64 least_bytes; /* sizes that count as a birth, the head included */
  __u64 most_bytes;
  __u64 unsorted; /* what links a free chunk to its arena; 0: not told by it */
  __u64 head;     /* the size word, as last seen */
  __u64 next;     /* that of the chunk behind it */
  /* Counted by BPF. */
  __u64 hits[PLIMSOLL_CHUNK_ROLES];
  __u64 events; /* births and deaths */
  __u64 births; /* since the last death */
  __u32 busy;   /* a walk is under way */
  __u32 linked; /* to the unsorted list, since its head was last written */
  struct plimsoll_walk walk; /* of the last birth */
  struct plimsoll_native_hit native;
};

PLIMSOLL_ASSERT_SIZE(plimsoll_watch_key, 16);
PLIMSOLL_ASSERT_SIZE(plimsoll_watched_chunk,
                     112 + sizeof(struct plimsoll_walk) +
                         sizeof(struct plimsoll_native_hit));
PLIMSOLL_ASSERT_SIZE(plimsoll_watched, 56 + sizeof(struct plimsoll_walk));

#endif /* PLIMSOLL_BPF_WATCH_H_ */
