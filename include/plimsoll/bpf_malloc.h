/* The kernel <-> user ABI of windows on the C library's allocator, beside
 * bpf_events.h and by its rules. */
#ifndef PLIMSOLL_BPF_MALLOC_H_
#define PLIMSOLL_BPF_MALLOC_H_

#include "plimsoll/bpf_native.h"

enum {
  PLIMSOLL_MALLOC_ROWS = 4096,
  PLIMSOLL_MALLOC_BLOCKS = 65536, /* alive at once, made in the window */
  PLIMSOLL_MALLOC_CALLS = 1024,   /* threads inside a call at once */
  PLIMSOLL_TEXT_RANGES = 128,     /* power of two */
  PLIMSOLL_CALLER_WORDS = 32,     /* of the caller's stack, in a row's key */
  /* In the attach cookie: sizes are those asked for, not those of a chunk. Its
   * displacement: one in so many allocations is followed; 0 and 1: all are. */
  PLIMSOLL_MALLOC_ASKED = 1,
};

/* A row: what one Python stack and one native way to malloc made. `caller` is a
 * hash of the return address, the depth of the stack and what looks like a
 * return address in the caller's part of it: equal ways are mostly one row, and
 * different ways never are but by chance. */
struct plimsoll_malloc_key {
  __u64 stack_hash; /* 0: no Python stack */
  __u64 caller;
  __u32 tgid;
  __u32 padding;
};

struct plimsoll_malloc_row {
  __u64 allocations;
  __u64 allocated_bytes;
  __u64 frees; /* of these allocations, in the window */
  __u64 freed_bytes;
  __u64 return_address;
  __u64 sampled; /* its stack was copied to the ring */
};

struct plimsoll_malloc_block_key {
  __u64 address;
  __u32 tgid;
  __u32 padding;
};

struct plimsoll_malloc_block {
  __u64 born_ns;
  __u64 bytes;
  __u64 stack_hash; /* with `caller`: its row */
  __u64 caller;
  __u32 tid;
  __u32 padding;
};

/* From the entry of a call to its return. */
struct plimsoll_malloc_call_key {
  __u64 pid_tgid;
  __u64 function;
};

struct plimsoll_malloc_call {
  __u64 time_ns;
  __u64 bytes;
  __u64
      argument; /* realloc: the block; posix_memalign: where the result goes */
  __u64 had_block; /* `block` was made in the window */
  struct plimsoll_malloc_block block;
};

/* Of the whole window. */
struct plimsoll_malloc_totals {
  __u64 older_frees;  /* of blocks from before the window, or not followed */
  __u64 unseen_frees; /* an address was handed out again without a free */
  __u64 not_kept;     /* allocations that found no room in the map of blocks */
};

struct plimsoll_text_ranges {
  __u64 count;
  __u64 begin[PLIMSOLL_TEXT_RANGES]; /* ascending */
  __u64 end[PLIMSOLL_TEXT_RANGES];
};

/* A row's first allocation, as the caller's registers and stack are behind the
 * call. */
struct plimsoll_malloc_sample {
  __u64 caller;
  struct plimsoll_native_hit hit;
};

PLIMSOLL_ASSERT_SIZE(plimsoll_malloc_key, 24);
PLIMSOLL_ASSERT_SIZE(plimsoll_malloc_row, 48);
PLIMSOLL_ASSERT_SIZE(plimsoll_malloc_block, 40);
PLIMSOLL_ASSERT_SIZE(plimsoll_malloc_call, 72);
PLIMSOLL_ASSERT_SIZE(plimsoll_malloc_totals, 24);

#endif /* PLIMSOLL_BPF_MALLOC_H_ */
