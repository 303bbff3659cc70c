// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Tier 1: collections of watched processes: how many, how long, what they
 * freed, by generation, counted here. Either the USDT pair gc__start and
 * gc__done, or gc_collect_main's entry and return.
 */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/maps.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/arguments.bpf.h"
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { GC_COLLECT = 7, GC_START = 10, GC_DONE = 11 }; /* core::ProbeKind */

/* struct gc_stats of 3.15 (Include/internal/pycore_interp_structs.h): rings of
 * the last 11, 3 and 3 collections, each followed by the last one's index, an
 * int8_t in 8 bytes. An item counts all collections so far, third word. */
#define GC_ITEM_BYTES 64
#define GC_ITEM_COLLECTIONS 16
#define GC_YOUNG_ITEMS 11
#define GC_OLD_ITEMS 3

#define GC_LONGEST_TRIES 32

/* A collection in progress. */
struct gc_running {
  u64 start_ns;
  u32 generation;
  u32 asks_generation; /* the probe did not tell it */
  u32 has_collections;
  u32 nested; /* calls from inside, by finalizers: they return at once */
  /* The statistics that were read, and whether they are known to be those of
   * the interpreter that collects. */
  u64 statistics;
  u32 is_own;
  u32 padding;
  u64 collections[PLIMSOLL_GC_GENERATIONS - 1]; /* before, by generation */
};

/* Collections that began, by thread. A thread that ends inside one leaves its
 * entry; the map gives room by dropping the oldest. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, u64);
  __type(value, struct gc_running);
} running SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MAX_TARGETS *PLIMSOLL_GC_GENERATIONS);
  __type(key, struct plimsoll_gc_key);
  __type(value, struct plimsoll_gc_pauses);
} pauses SEC(".maps");

/* A zero row, too large for the BPF stack beside the rest. */
static const struct plimsoll_gc_pauses no_pauses;

static __always_inline u32 log2_bucket(u64 value) {
  u32 bucket = 0;
#pragma clang loop unroll(disable)
  for (int i = 0; i < PLIMSOLL_GC_BUCKETS - 1; i++) {
    value >>= 1;
    if (!value) break;
    bucket++;
  }
  return bucket;
}

/* The collections that one ring of 3.15 tells; `ring` moves on to the next. */
static __always_inline bool read_ring(u64 *ring, u32 items, u64 *collections) {
  u8 last = 0;
  u64 at = *ring, end = at + items * GC_ITEM_BYTES;
  if (bpf_probe_read_user(&last, sizeof(last), (const void *)end)) return false;
  if (last >= items) return false;
  at += last * GC_ITEM_BYTES + GC_ITEM_COLLECTIONS;
  *ring = end + sizeof(u64);
  return !bpf_probe_read_user(collections, sizeof(u64), (const void *)at);
}

/* Collections so far of each generation, from a collector's own statistics. */
static __always_inline bool read_collections(
    const struct plimsoll_target *target, u64 statistics, u64 *collections) {
  u64 stats[3 * (PLIMSOLL_GC_GENERATIONS - 1)];
  if (!statistics) return false;
  if (target->gc_stats_are_rings) {
    u64 ring = 0;
    if (bpf_probe_read_user(&ring, sizeof(ring), (const void *)statistics) ||
        !ring)
      return false;
    return read_ring(&ring, GC_YOUNG_ITEMS, &collections[0]) &&
           read_ring(&ring, GC_OLD_ITEMS, &collections[1]) &&
           read_ring(&ring, GC_OLD_ITEMS, &collections[2]);
  }
  if (bpf_probe_read_user(stats, sizeof(stats), (const void *)statistics))
    return false;
  collections[0] = stats[0];
  collections[1] = stats[3];
  collections[2] = stats[6];
  return true;
}

/* The statistics of the interpreter that the collector's function, whose first
 * argument is a thread state, was called for: the main one, or one of those
 * that are listed. A compiler may have moved the argument: then 0. */
static __always_inline u64 own_statistics(const struct plimsoll_target *target,
                                          u64 thread_state) {
  u64 interpreter = 0, listed = 0, at = target->frames.interpreters;
  if (!target->interpreter || !target->gc_stats_address) return 0;
  if (bpf_probe_read_user(
          &interpreter, sizeof(interpreter),
          (const void *)(thread_state + target->tstate_interpreter)))
    return 0;
  if (interpreter == target->interpreter) return target->gc_stats_address;
  if (!interpreter || !at) return 0;
#pragma clang loop unroll(disable)
  for (int i = 0; i < PLIMSOLL_MAX_INTERPRETERS; i++) {
    if (bpf_probe_read_user(&listed, sizeof(listed), (const void *)at) ||
        !listed)
      return 0;
    if (listed == interpreter)
      return target->gc_stats_address - target->interpreter + interpreter;
    at = listed + target->frames.interpreter_next;
  }
  return 0;
}

static __always_inline bool same_collections(const u64 *a, const u64 *b) {
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

static __always_inline void begin_collection(
    const struct plimsoll_target *target, u64 thread, bool known,
    s64 generation, u64 own) {
  struct gc_running begun = {.start_ns = bpf_ktime_get_ns()};
  begun.generation = PLIMSOLL_GC_GENERATIONS - 1;
  if (known && generation >= 0 && generation < PLIMSOLL_GC_GENERATIONS - 1)
    begun.generation = generation;
  else
    begun.asks_generation = 1;
  begun.statistics = own ? own : target->gc_stats_address;
  if (begun.asks_generation || own)
    begun.has_collections =
        read_collections(target, begun.statistics, begun.collections);
  begun.is_own = own && begun.has_collections;
  if (begun.is_own) {
    struct gc_running *outer = bpf_map_lookup_elem(&running, &thread);
    if (outer && outer->is_own && outer->statistics == own &&
        same_collections(outer->collections, begun.collections)) {
      outer->nested++;
      return;
    }
  }
  bpf_map_update_elem(&running, &thread, &begun, BPF_ANY);
}

/* The generation that was collected: that of the probe, else whose count of
 * collections rose meanwhile. -1: none did, as the function also returns
 * without a collection: when nothing is past its threshold any more. */
static __always_inline s32 collected_generation(
    const struct plimsoll_target *target, const struct gc_running *begun) {
  u64 now[PLIMSOLL_GC_GENERATIONS - 1];
  if (begun->has_collections &&
      read_collections(target, begun->statistics, now)) {
    if (begun->is_own && same_collections(begun->collections, now)) return -1;
    if (begun->asks_generation) {
      if (now[0] != begun->collections[0]) return 0;
      if (now[1] != begun->collections[1]) return 1;
      if (now[2] != begun->collections[2]) return 2;
    }
  }
  return begun->generation;
}

/* Keeps the longest pause of the epoch. A try fails only where another writer
 * came between. */
static __always_inline void keep_longest(u64 *longest, u64 mine) {
  u64 seen = *(volatile u64 *)longest;
#pragma clang loop unroll(disable)
  for (int i = 0; i < GC_LONGEST_TRIES; i++) {
    if (PLIMSOLL_GC_SAME_EPOCH(seen, mine) && seen >= mine) return;
    u64 found = __sync_val_compare_and_swap(longest, seen, mine);
    if (found == seen) return;
    seen = found;
  }
}

/* Interpreters with a GIL each collect at once, on as many threads, into the
 * same rows: each word is added to as one. */
static __always_inline void count_pause(struct plimsoll_gc_pauses *row,
                                        u32 epoch, u64 pause, s64 collected) {
  u32 bucket = log2_bucket(pause);
  __sync_fetch_and_add(&row->count, 1);
  __sync_fetch_and_add(&row->sum_ns, pause);
  keep_longest(&row->longest, PLIMSOLL_GC_LONGEST(epoch, pause));
  if (collected > 0) __sync_fetch_and_add(&row->collected, collected);
  if (bucket < PLIMSOLL_GC_BUCKETS)
    __sync_fetch_and_add(&row->log2_ns[bucket], 1);
}

static __always_inline void end_collection(const struct plimsoll_target *target,
                                           u64 thread, s64 collected) {
  u64 now = bpf_ktime_get_ns();
  struct gc_running *begun = bpf_map_lookup_elem(&running, &thread);
  if (!begun) return; /* began before we attached: not counted */
  if (begun->nested) {
    begun->nested--;
    return;
  }
  s32 generation = collected_generation(target, begun);
  struct plimsoll_gc_key key = {.tgid = thread >> 32, .generation = generation};
  u64 pause = now - begun->start_ns;
  bpf_map_delete_elem(&running, &thread);
  if (generation < 0) return;
  struct plimsoll_gc_pauses *row = bpf_map_lookup_elem(&pauses, &key);
  if (!row) {
    bpf_map_update_elem(&pauses, &key, &no_pauses, BPF_NOEXIST);
    row = bpf_map_lookup_elem(&pauses, &key);
  }
  if (!row) {
    count_drop(target->slot, PLIMSOLL_DROP_MAP_FULL);
    return;
  }
  count_pause(row, target->epoch, pause, collected);
}

SEC("uprobe")
int handle_gc(struct pt_regs *ctx) {
  u64 thread = bpf_get_current_pid_tgid(), n;
  u32 tgid = thread >> 32;
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  u64 cookie = bpf_get_attach_cookie(ctx);
  u32 kind = PLIMSOLL_COOKIE_KIND(cookie);
  if (!take_hit(target, kind, &n)) return 0;
  s64 argument = 0;
  bool known = cookie_argument(ctx, cookie, &argument);
  if (kind == GC_DONE) {
    end_collection(target, thread, known ? argument : 0);
  } else {
    /* The generation is an int; the upper half of its register is anything. */
    begin_collection(target, thread, known, (s32)argument,
                     kind == GC_COLLECT ? own_statistics(target, ctx->di) : 0);
  }
  return 0;
}

/* gc_collect_main returns what it freed (with what it could not). */
SEC("uretprobe")
int handle_gc_return(struct pt_regs *ctx) {
  u64 thread = bpf_get_current_pid_tgid(), n;
  u32 tgid = thread >> 32;
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  if (!take_hit(target, GC_DONE, &n)) return 0;
  end_collection(target, thread, ctx->ax);
  return 0;
}
