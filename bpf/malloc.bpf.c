// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Tier 5 windows: what passes the C library's allocator, counted here by Python
 * stack and native caller, each free with the allocation that it ends.
 *
 *   call    entry of realloc and posix_memalign (and of all where sizes are
 *           those asked for): the arguments, kept for the return; the block
 *           that realloc was given leaves the map of blocks here, before its
 *           address can be handed out again
 *   return  the block: row, map of blocks
 *   free    entry of free: the block's row, unless it is from before the window
 *
 * Past the hit budget all return at once: what is in the map of blocks then may
 * have been freed, which user space must say.
 */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/native.bpf.h"
#include "bpf/stacks.bpf.h"
#include <bpf/bpf_tracing.h>
#include "plimsoll/bpf_malloc.h"
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* core::MallocFunction; tests/bpf holds them equal. */
enum {
  MALLOC = 1,
  CALLOC = 2,
  REALLOC = 3,
  ALIGNED_ALLOC = 4,
  POSIX_MEMALIGN = 5,
  FREE = 6,
};

enum { CHUNK_FLAGS = 7 };

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MALLOC_ROWS);
  __type(key, struct plimsoll_malloc_key);
  __type(value, struct plimsoll_malloc_row);
} rows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MALLOC_BLOCKS);
  __type(key, struct plimsoll_malloc_block_key);
  __type(value, struct plimsoll_malloc_block);
} blocks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MALLOC_CALLS);
  __type(key, struct plimsoll_malloc_call_key);
  __type(value, struct plimsoll_malloc_call);
} calls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct plimsoll_malloc_totals);
} totals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct plimsoll_text_ranges);
} text SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 * 1024 * 1024);
} samples SEC(".maps");

static __always_inline struct plimsoll_malloc_totals *window_totals(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&totals, &zero);
}

/* Whether a word leads into code. A global function, so that the verifier
 * checks the search once. */
__attribute__((noinline)) u64 leads_to_code(u64 word) {
  u32 zero = 0, at = 0, step;
  struct plimsoll_text_ranges *ranges = bpf_map_lookup_elem(&text, &zero);
  if (!ranges || !ranges->count || word < ranges->begin[0]) return 0;
#pragma clang loop unroll(full)
  for (step = PLIMSOLL_TEXT_RANGES / 2; step; step /= 2) {
    u32 next = (at + step) & (PLIMSOLL_TEXT_RANGES - 1);
    if (next < ranges->count && ranges->begin[next] <= word) at = next;
  }
  return word < ranges->end[at & (PLIMSOLL_TEXT_RANGES - 1)];
}

/* Words of the caller's stack that are read at once: a program and those that
 * it calls have 512 bytes of stack in all, each rounded up to 32. */
#define WORDS_AT_ONCE 8

/* How malloc was reached, without unwinding. A global function as above. */
__attribute__((noinline)) u64 caller_hash(u64 return_address, u64 sp) {
  u64 words[WORDS_AT_ONCE];
  u64 hash = plimsoll_hash_word(0xcbf29ce484222325ULL, return_address);
  u32 i, j;
  /* Threads have equal depths for equal ways: their control block stands above
   * their stack. */
  hash = plimsoll_hash_word(hash, plimsoll_thread_pointer() - sp);
#pragma clang loop unroll(disable)
  for (i = 0; i < PLIMSOLL_CALLER_WORDS; i += WORDS_AT_ONCE) {
    if (bpf_probe_read_user(words, sizeof(words), (const void *)(sp + 8 * i)))
      return hash;
#pragma clang loop unroll(disable)
    for (j = 0; j < WORDS_AT_ONCE; j++) {
      u64 word = words[j];
      if (leads_to_code(word)) hash = plimsoll_hash_word(hash, word);
    }
  }
  return hash;
}

static __always_inline void end_block(u32 tgid,
                                      const struct plimsoll_malloc_block *b) {
  struct plimsoll_malloc_key key = {
      .stack_hash = b->stack_hash, .caller = b->caller, .tgid = tgid};
  struct plimsoll_malloc_row *row = bpf_map_lookup_elem(&rows, &key);
  if (!row) return;
  __sync_fetch_and_add(&row->frees, 1);
  __sync_fetch_and_add(&row->freed_bytes, b->bytes);
}

/* The block out of the map, into *taken. */
static __always_inline bool take_block(u32 tgid, u64 address,
                                       struct plimsoll_malloc_block *taken) {
  struct plimsoll_malloc_block_key key = {.address = address, .tgid = tgid};
  struct plimsoll_malloc_block *block = bpf_map_lookup_elem(&blocks, &key);
  if (!block) return false;
  *taken = *block;
  return bpf_map_delete_elem(&blocks, &key) == 0;
}

#define PLIMSOLL_TAKE_OWN_REGISTER(index, name) \
  *(volatile __u64 *)&hit->registers[index] = ctx->name;

/* Once for a row, when the ring has room. */
static __always_inline void sample_row(struct pt_regs *ctx, u32 slot,
                                       const struct plimsoll_malloc_key *key,
                                       struct plimsoll_malloc_row *row,
                                       u64 block) {
  struct plimsoll_malloc_sample *sample;
  struct plimsoll_native_hit *hit;
  if (__sync_val_compare_and_swap(&row->sampled, 0, 1)) return;
  sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
  if (!sample) {
    row->sampled = 0; /* the next one tries again */
    count_drop(slot, PLIMSOLL_DROP_RING_FULL);
    return;
  }
  hit = &sample->hit;
  sample->caller = key->caller;
  hit->time_ns = bpf_ktime_get_ns();
  hit->address = block;
  hit->stack_hash = key->stack_hash;
  hit->fs_base = plimsoll_thread_pointer();
  hit->tgid = key->tgid;
  hit->tid = (u32)bpf_get_current_pid_tgid();
  hit->in_kernel = 0;
  PLIMSOLL_REGISTERS(PLIMSOLL_TAKE_OWN_REGISTER)
  copy_user_stack(hit);
  bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}

static __always_inline struct plimsoll_malloc_row *row_of(
    const struct plimsoll_malloc_key *key, u64 return_address) {
  struct plimsoll_malloc_row *row = bpf_map_lookup_elem(&rows, key);
  if (row) return row;
  struct plimsoll_malloc_row fresh = {.return_address = return_address};
  bpf_map_update_elem(&rows, key, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&rows, key);
}

static __always_inline void begin_block(struct pt_regs *ctx, u32 slot,
                                        u64 pid_tgid, u64 address, u64 bytes) {
  u32 tgid = pid_tgid >> 32;
  struct plimsoll_malloc_totals *sums = window_totals();
  struct plimsoll_malloc_key key = {
      .stack_hash = record_stack(tgid, PLIMSOLL_MAYBE_NO_GIL),
      .caller = caller_hash(ctx->ip, ctx->sp),
      .tgid = tgid};
  struct plimsoll_malloc_row *row = row_of(&key, ctx->ip);
  struct plimsoll_malloc_block_key at = {.address = address, .tgid = tgid};
  struct plimsoll_malloc_block block = {.born_ns = bpf_ktime_get_ns(),
                                        .bytes = bytes,
                                        .stack_hash = key.stack_hash,
                                        .caller = key.caller,
                                        .tid = (u32)pid_tgid};
  if (!row) {
    count_drop(slot, PLIMSOLL_DROP_MAP_FULL);
    if (sums) __sync_fetch_and_add(&sums->not_kept, 1);
    return;
  }
  __sync_fetch_and_add(&row->allocations, 1);
  __sync_fetch_and_add(&row->allocated_bytes, bytes);
  sample_row(ctx, slot, &key, row, address);
  if (bpf_map_update_elem(&blocks, &at, &block, BPF_ANY)) {
    count_drop(slot, PLIMSOLL_DROP_MAP_FULL);
    if (sums) __sync_fetch_and_add(&sums->not_kept, 1);
  }
}

/* Whether this allocation is one of those that are followed. An address is
 * drawn anew each millisecond, so that what is handed out again and again is
 * not always in or out, and realloc and the malloc that it passes on to are
 * drawn as one. */
static __always_inline bool is_followed(u64 cookie, u64 address) {
  u32 every = (u32)PLIMSOLL_COOKIE_DISPLACEMENT(cookie);
  if (every <= 1) return true;
  return (u32)(plimsoll_hash_word(bpf_ktime_get_ns() >> 20, address) >> 32) %
             every ==
         0;
}

static __always_inline void time_program(struct plimsoll_progress *p,
                                         u64 begin) {
  if (!begin) return;
  __sync_fetch_and_add(&p->timed_ns, bpf_ktime_get_ns() - begin);
  __sync_fetch_and_add(&p->timed_hits, 1);
}

SEC("uprobe")
int handle_malloc_call(struct pt_regs *ctx) {
  u64 pid_tgid = bpf_get_current_pid_tgid();
  u32 tgid = pid_tgid >> 32, slot;
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0; /* a forked child, or another process' page */
  struct plimsoll_malloc_call_key key = {
      .pid_tgid = pid_tgid,
      .function = PLIMSOLL_COOKIE_KIND(bpf_get_attach_cookie(ctx))};
  slot = target->slot;
  struct plimsoll_progress *p = bpf_map_lookup_elem(&progress, &slot);
  if (!p || p->hits >= target->hit_budget) return 0;
  struct plimsoll_malloc_call call = {.time_ns = bpf_ktime_get_ns()};
  switch (key.function) {
    case MALLOC:
      call.bytes = ctx->di;
      break;
    case CALLOC:
      call.bytes = ctx->di * ctx->si;
      break;
    case REALLOC:
      call.argument = ctx->di;
      call.bytes = ctx->si;
      break;
    case ALIGNED_ALLOC:
      call.bytes = ctx->si;
      break;
    case POSIX_MEMALIGN:
      call.argument = ctx->di;
      call.bytes = ctx->dx;
      break;
    default:
      count_drop(slot, PLIMSOLL_DROP_BAD_RECORD);
      return 0;
  }
  if (key.function == REALLOC && call.argument)
    call.had_block = take_block(tgid, call.argument, &call.block);
  if (bpf_map_update_elem(&calls, &key, &call, BPF_ANY)) {
    if (call.had_block) end_block(tgid, &call.block);
    count_drop(slot, PLIMSOLL_DROP_MAP_FULL);
  }
  return 0;
}

/* The old block's end, or its return into the map where realloc failed. */
static __always_inline void end_realloc(u32 tgid,
                                        struct plimsoll_malloc_call *call,
                                        u64 result) {
  struct plimsoll_malloc_totals *sums = window_totals();
  if (!call->argument) return;
  if (!result && call->bytes) {
    struct plimsoll_malloc_block_key key = {.address = call->argument,
                                            .tgid = tgid};
    if (call->had_block)
      bpf_map_update_elem(&blocks, &key, &call->block, BPF_ANY);
  } else if (call->had_block) {
    end_block(tgid, &call->block);
  } else if (sums) {
    __sync_fetch_and_add(&sums->older_frees, 1);
  }
}

/* What the address held before, if that was never seen to end. True: it is this
 * very allocation, which realloc passed on to malloc. */
static __always_inline bool end_unseen(u64 pid_tgid, u64 address,
                                       const struct plimsoll_malloc_call *call,
                                       u64 function) {
  u32 tgid = pid_tgid >> 32;
  struct plimsoll_malloc_block_key key = {.address = address, .tgid = tgid};
  struct plimsoll_malloc_block *there = bpf_map_lookup_elem(&blocks, &key);
  struct plimsoll_malloc_totals *sums;
  if (!there) return false;
  if (function == REALLOC && there->tid == (u32)pid_tgid &&
      there->born_ns >= call->time_ns)
    return true;
  struct plimsoll_malloc_block old = *there;
  end_block(tgid, &old);
  sums = window_totals();
  if (sums) __sync_fetch_and_add(&sums->unseen_frees, 1);
  return false;
}

SEC("uretprobe")
int handle_malloc_return(struct pt_regs *ctx) {
  u64 pid_tgid = bpf_get_current_pid_tgid(), begin = 0, n = 0;
  u64 cookie, block = ctx->ax, bytes = 0;
  u32 tgid = pid_tgid >> 32;
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  cookie = bpf_get_attach_cookie(ctx);
  struct plimsoll_malloc_call_key key = {
      .pid_tgid = pid_tgid, .function = PLIMSOLL_COOKIE_KIND(cookie)};
  bool asked = PLIMSOLL_COOKIE_FLAGS(cookie) & PLIMSOLL_MALLOC_ASKED;
  struct plimsoll_malloc_call call = {};
  struct plimsoll_progress *p = take_hit(target, key.function, &n);
  if (!p) return 0;
  if ((n & 15) == 15) begin = bpf_ktime_get_ns();
  if (asked || key.function == REALLOC || key.function == POSIX_MEMALIGN) {
    struct plimsoll_malloc_call *kept = bpf_map_lookup_elem(&calls, &key);
    if (!kept) return 0; /* it began before the window, or was counted lost */
    call = *kept;
    bpf_map_delete_elem(&calls, &key);
  }
  if (key.function == REALLOC) end_realloc(tgid, &call, block);
  if (key.function == POSIX_MEMALIGN) {
    if ((u32)block) return 0; /* an error's number */
    if (bpf_probe_read_user(&block, 8, (const void *)call.argument)) block = 0;
  }
  if (!block) return 0;
  if (asked)
    bytes = call.bytes;
  else if (!bpf_probe_read_user(&bytes, 8, (const void *)(block - 8)))
    bytes &= ~(u64)CHUNK_FLAGS;
  if (!end_unseen(pid_tgid, block, &call, key.function) &&
      is_followed(cookie, block))
    begin_block(ctx, target->slot, pid_tgid, block, bytes);
  time_program(p, begin);
  return 0;
}

SEC("uprobe")
int handle_malloc_free(struct pt_regs *ctx) {
  u64 pid_tgid = bpf_get_current_pid_tgid(), begin = 0, n = 0;
  u64 address = ctx->di;
  u32 tgid = pid_tgid >> 32;
  struct plimsoll_malloc_block block = {};
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  struct plimsoll_progress *p = take_hit(target, FREE, &n);
  if (!p || !address) return 0; /* free(NULL) frees nothing */
  if ((n & 15) == 15) begin = bpf_ktime_get_ns();
  if (take_block(tgid, address, &block)) {
    end_block(tgid, &block);
  } else {
    struct plimsoll_malloc_totals *sums = window_totals();
    if (sums) __sync_fetch_and_add(&sums->older_frees, 1);
  }
  time_program(p, begin);
  return 0;
}
