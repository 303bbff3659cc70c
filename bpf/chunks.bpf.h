// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Births and deaths of a chunk of glibc's malloc, told from writes to a few of
 * its words by malloc's own code; what others write there is its use.
 *
 *   head     made: carved from a top or split from a larger one, or resized.
 *            Only its lowest bit changed while it was in use: the chunk before
 *            it was made or handed back. Right behind a link to the arena's
 *            unsorted list: it is what was left over, or handed back.
 *   first    handed back: the link that a cache, a fast bin or a bin writes
 *   second   0: taken from a thread's cache, which clears its mark; else handed
 *            back: the cache's mark, or a bin's link
 *   next     its lowest bit says whether this chunk is in use: set, made by an
 *            exact fit; cleared, handed back
 *
 * Source: malloc/malloc.c of glibc 2.30-2.41 (tcache_get, tcache_put,
 * _int_free, _int_malloc, malloc_consolidate). Not seen: what leaves a fast
 * bin, or a small bin, right into the hands of its caller (one in eight of
 * those that leave it, the others go by a cache); such a chunk stays one that
 * was handed back.
 */
#ifndef PLIMSOLL_CHUNKS_BPF_H_
#define PLIMSOLL_CHUNKS_BPF_H_

#include "bpf/native.bpf.h"
#include "plimsoll/bpf_watch.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MAX_CHUNKS *PLIMSOLL_CHUNK_ROLES);
  __type(key, struct plimsoll_watch_key);
  __type(value, struct plimsoll_chunk_word);
} chunk_words SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PLIMSOLL_MAX_CHUNKS);
  __type(key, u32);
  __type(value, struct plimsoll_watched_chunk);
} chunks SEC(".maps");

enum plimsoll_chunk_event { CHUNK_USED = 0, CHUNK_BORN = 1, CHUNK_DIED = 2 };

#define PLIMSOLL_CHUNK_FLAGS 7ull
#define PLIMSOLL_PREVIOUS_IN_USE 1ull
#define PLIMSOLL_LARGEST_CACHED 1040
#define PLIMSOLL_LARGEST_FAST 128

static __always_inline bool is_small(
    const struct plimsoll_watched_chunk *chunk) {
  return chunk->most_bytes <= PLIMSOLL_LARGEST_CACHED;
}

static __always_inline u32 head_written(struct plimsoll_watched_chunk *chunk,
                                        u64 word) {
  u64 old = chunk->head, bytes = word & ~PLIMSOLL_CHUNK_FLAGS;
  u32 linked = chunk->linked;
  chunk->head = word;
  chunk->linked = 0;
  /* Of a chunk in use, or in a fast bin, this is all that its neighbour writes.
   * One that became part of a larger free chunk is made anew by such a write,
   * and none beside it is free that could be taken. */
  if ((word ^ old) == PLIMSOLL_PREVIOUS_IN_USE &&
      (chunk->births || chunk->most_bytes <= PLIMSOLL_LARGEST_FAST ||
       !(word & PLIMSOLL_PREVIOUS_IN_USE)))
    return CHUNK_USED;
  if (bytes < chunk->least_bytes || bytes > chunk->most_bytes || linked)
    return CHUNK_DIED;
  return CHUNK_BORN;
}

static __always_inline u32 next_written(struct plimsoll_watched_chunk *chunk,
                                        u64 word) {
  u64 old = chunk->next;
  chunk->next = word;
  if ((word ^ old) != PLIMSOLL_PREVIOUS_IN_USE) return CHUNK_USED;
  return word & PLIMSOLL_PREVIOUS_IN_USE ? CHUNK_BORN : CHUNK_DIED;
}

/* `address` is that of the word. */
static __always_inline u32 chunk_event(struct plimsoll_watched_chunk *chunk,
                                       u32 role, u64 address) {
  u64 word = 0;
  if (bpf_probe_read_user(&word, 8, (const void *)address)) return CHUNK_DIED;
  if (role == PLIMSOLL_CHUNK_HEAD) return head_written(chunk, word);
  if (role == PLIMSOLL_CHUNK_NEXT) return next_written(chunk, word);
  if (role == PLIMSOLL_CHUNK_SECOND)
    chunk->linked = chunk->unsorted && word == chunk->unsorted;
  if (word) return CHUNK_DIED;
  return role == PLIMSOLL_CHUNK_SECOND && is_small(chunk) ? CHUNK_BORN
                                                          : CHUNK_USED;
}

/* A global function, as keep_stack. */
__attribute__((noinline)) u64 keep_chunk_stack(u32 tgid, u32 index) {
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  struct plimsoll_watched_chunk *chunk = bpf_map_lookup_elem(&chunks, &index);
  u32 reason = PLIMSOLL_DROP_NONE;
  u64 hash;
  if (!target || !chunk) return 0;
  chunk->walk.stack.frame_count = 0;
  hash = plimsoll_walk_frames(&target->frames, PLIMSOLL_MAYBE_NO_GIL,
                              &chunk->walk, &reason);
  if (reason) count_drop(target->slot, reason);
  return hash;
}

static __always_inline void handle_chunk_write(
    struct bpf_perf_event_data *ctx, const struct plimsoll_target *target,
    u32 tgid, const struct plimsoll_chunk_word *at) {
  u32 index = at->chunk, role = at->role, event;
  u64 address = ctx->addr, ip = ctx->regs.ip;
  struct plimsoll_watched_chunk *chunk = bpf_map_lookup_elem(&chunks, &index);
  if (!chunk) return;
  __sync_fetch_and_add(&chunk->hits[role & (PLIMSOLL_CHUNK_ROLES - 1)], 1);
  /* The trap is behind the write: at the next instruction. */
  if (ip <= chunk->malloc_begin || ip > chunk->malloc_end) return;
  event = chunk_event(chunk, role, address);
  if (event == CHUNK_USED) return;
  __sync_fetch_and_add(&chunk->events, 1);
  if (event == CHUNK_DIED) {
    chunk->births = 0;
    return;
  }
  if (__sync_val_compare_and_swap(&chunk->busy, 0, 1)) {
    /* Two at once make the same chunk: not so. */
    chunk->births = 0;
    count_drop(target->slot, PLIMSOLL_DROP_WALK_BUSY);
    return;
  }
  chunk->native.address = address;
  keep_chunk_stack(tgid, index);
  if (fill_native(ctx, 0, &chunk->native)) {
    __sync_fetch_and_add(&chunk->births, 1);
  } else {
    chunk->births = 0;
    count_drop(target->slot, PLIMSOLL_DROP_STACK_READ_FAULT);
  }
  __sync_lock_test_and_set(&chunk->busy, 0);
}

#endif /* PLIMSOLL_CHUNKS_BPF_H_ */
