/* The kernel <-> user ABI: every struct that a BPF map or ring buffer holds.
 * C11 and C++20; compiled by clang for BPF and by the host compiler, with the
 * same layout (fixed-width members, explicit padding, sizes asserted below).
 * Only bpf/ and agent/bpf include this. Units: bytes, nanoseconds of
 * CLOCK_BOOTTIME's sibling bpf_ktime_get_ns (CLOCK_MONOTONIC).
 */
#ifndef PLIMSOLL_BPF_EVENTS_H_
#define PLIMSOLL_BPF_EVENTS_H_

#include "plimsoll/bpf_frames.h"

enum {
  PLIMSOLL_MAX_TARGETS = 64, /* processes watched by one object */
  PLIMSOLL_OBJECT_OFFSETS = 3,
  PLIMSOLL_PROBE_KINDS = 16, /* power of two */
  PLIMSOLL_GC_BUCKETS = 40,
  PLIMSOLL_GC_GENERATIONS = 4, /* 3 and "not known" */
  PLIMSOLL_REASON_SLOTS = 32,  /* >= PLIMSOLL_DROP_REASON_COUNT */
};

/* Written by user space before attaching, read by BPF. Keyed by tgid. */
struct plimsoll_target {
  struct plimsoll_frame_layout frames;
  __u64 hit_budget; /* past it BPF returns at once */
  /* 3 x {collections, collected, uncollectable}, the collector's own, or the
   * pointer to the rings of 3.15; 0: not known. Tells that a call collected,
   * and the generation where the probe does not (3.13 passes -1). */
  __u64 gc_stats_address;
  __u32 slot;       /* index of plimsoll_progress and the drop counters */
  __u32 pool_bytes; /* power of two; 0: no pymalloc, no size classes */
  __u32 object_offsets[PLIMSOLL_OBJECT_OFFSETS];
  __u32 object_offset_count;
  __s32 type_basicsize; /* offsets in PyTypeObject */
  __s32 type_itemsize;
  __u32 gc_slack_bytes; /* what may stand before the object in its block */
  __u32 epoch;          /* a maximum is kept since this last changed */
  /* What stands before an object in its block: the collector's head where the
   * type is collected, two words more where it has a bit of pre_header_flags.
   */
  __s32 type_flags; /* offset in PyTypeObject */
  __u32 gc_head_bytes;
  __u32 pre_header_flags; /* 0 before 3.11 */
  __u32 gc_stats_are_rings;
  /* The main interpreter, and where a thread state names its own: whose
   * collections those statistics count. 0: not known. */
  __u64 interpreter;
  __u32 tstate_interpreter;
  __u32 padding;
};

/* Written by BPF, read by user space; indexed by slot. */
struct plimsoll_progress {
  __u64 hits;            /* every trap taken, budget or not */
  __u64 budget_spent_ns; /* when the budget was passed; 0: it was not */
  __u64 timed_hits;      /* one hit in 16 is timed inside the program */
  __u64 timed_ns;
  /* The typed allocator that this process is in: its nested PyObject_Malloc
   * takes the type, once. One slot is enough where callers hold one GIL; where
   * there are several the type may be lost, never another's: pending_check is a
   * hash of the thread and of what follows. 0: none. */
  __u64 pending_check;
  __u64 pending_type;
  __u64 pending_sp;
  __u64 pending_return;
  __u64 pending_min_bytes;
  __u64 pending_max_bytes;
  __u64 hits_by_kind[PLIMSOLL_PROBE_KINDS]; /* core::ProbeKind */
};

/* One row of counts. block_bytes: the size class, 0 past 512 or not known. */
struct plimsoll_count_key {
  __u64 type;
  __u64 stack_hash;
  __u32 tgid;
  __u16 kind; /* core::ProbeKind */
  __u16 block_bytes;
};

struct plimsoll_count {
  __u64 allocations;
  __u64 frees;
  __u64 allocated_bytes;
  __u64 freed_bytes;
};

struct plimsoll_type_key {
  __u64 type;
  __u32 tgid;
  __u32 padding;
};

/* GC: key and row of the pause table. */
struct plimsoll_gc_key {
  __u32 tgid;
  __u32 generation; /* PLIMSOLL_GC_GENERATIONS - 1: not known */
};

struct plimsoll_gc_pauses {
  __u64 count;
  __u64 sum_ns;
  __u64 longest; /* PLIMSOLL_GC_LONGEST, of one epoch */
  __s64 collected;
  __u64 log2_ns[PLIMSOLL_GC_BUCKETS];
};

/* A pause and the plimsoll_target.epoch it ended in, as one word, so that what
 * is longer replaces what is there at once. 2^48 ns are three days. */
#define PLIMSOLL_GC_PAUSE_MASK ((1ULL << 48) - 1)
#define PLIMSOLL_GC_LONGEST(epoch, pause_ns)                     \
  ((__u64)(epoch) << 48 |                                        \
   ((pause_ns) > PLIMSOLL_GC_PAUSE_MASK ? PLIMSOLL_GC_PAUSE_MASK \
                                        : (__u64)(pause_ns)))
#define PLIMSOLL_GC_SAME_EPOCH(a, b) ((a) >> 48 == (b) >> 48)

/* One page fault of a watched process (ring buffer of growth). */
struct plimsoll_fault {
  __u64 time_ns;
  __u64 address;
  __u64 instruction; /* native */
  __u64 stack_hash;  /* 0: no Python stack */
  __u32 tgid;
  __u32 tid;
};

enum plimsoll_lifecycle_kind {
  PLIMSOLL_LIFECYCLE_EXEC = 1,
  PLIMSOLL_LIFECYCLE_EXIT = 2,
  PLIMSOLL_LIFECYCLE_OOM_VICTIM = 3,
};

struct plimsoll_lifecycle_event {
  __u64 time_ns;
  __u16 kind, signal; /* signal: that ended the process; 0: none */
  __u32 tgid;
};

/* The attach cookie: what the probe is and where its first argument stands. */
#define PLIMSOLL_COOKIE_KIND(c) ((__u32)((c)&0xff))
#define PLIMSOLL_COOKIE_REGISTER(c) ((__u32)(((c) >> 8) & 0xff))
#define PLIMSOLL_COOKIE_FLAGS(c) ((__u32)(((c) >> 16) & 0xff))
#define PLIMSOLL_COOKIE_DISPLACEMENT(c) ((__s32)((c) >> 32))
#define PLIMSOLL_COOKIE(kind, reg, flags, displacement)           \
  ((__u64)(kind) | ((__u64)(reg) << 8) | ((__u64)(flags) << 16) | \
   ((__u64)(__u32)(displacement) << 32))
enum {
  PLIMSOLL_ARGUMENT_IN_MEMORY = 1, /* displacement(register) */
  PLIMSOLL_ARGUMENT_4_BYTES = 2,   /* else 8 */
  PLIMSOLL_ARGUMENT_NONE = 4,      /* not known at this probe */
  PLIMSOLL_NO_ITEMS = 8, /* the second argument is no count of items */
};

PLIMSOLL_ASSERT_SIZE(plimsoll_target, 112 + 16 + 8 + 16 + 16 + 16 + 16);
PLIMSOLL_ASSERT_SIZE(plimsoll_progress, 80 + 8 * PLIMSOLL_PROBE_KINDS);
PLIMSOLL_ASSERT_SIZE(plimsoll_count_key, 24);
PLIMSOLL_ASSERT_SIZE(plimsoll_count, 32);
PLIMSOLL_ASSERT_SIZE(plimsoll_gc_pauses, 32 + 8 * PLIMSOLL_GC_BUCKETS);
PLIMSOLL_ASSERT_SIZE(plimsoll_fault, 40);
PLIMSOLL_ASSERT_SIZE(plimsoll_lifecycle_event, 16);

#endif /* PLIMSOLL_BPF_EVENTS_H_ */
