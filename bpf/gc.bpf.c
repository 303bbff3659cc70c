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

/* Collections that began, by thread. A thread that ends inside one leaves its
 * entry; the map gives room by dropping the oldest. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, u64);
  __type(value, struct plimsoll_gc_running);
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

/* Collections so far of each generation, from the collector's own statistics.
 */
static __always_inline bool read_collections(
    const struct plimsoll_target *target, u64 *collections) {
  u64 stats[3 * (PLIMSOLL_GC_GENERATIONS - 1)];
  if (!target->gc_stats_address) return false;
  if (bpf_probe_read_user(stats, sizeof(stats),
                          (const void *)target->gc_stats_address))
    return false;
  collections[0] = stats[0];
  collections[1] = stats[3];
  collections[2] = stats[6];
  return true;
}

static __always_inline void begin_collection(
    const struct plimsoll_target *target, u64 thread, bool known,
    s64 generation) {
  struct plimsoll_gc_running begun = {.start_ns = bpf_ktime_get_ns()};
  begun.generation = PLIMSOLL_GC_GENERATIONS - 1;
  if (known && generation >= 0 && generation < PLIMSOLL_GC_GENERATIONS - 1)
    begun.generation = generation;
  else
    begun.has_collections = read_collections(target, begun.collections);
  bpf_map_update_elem(&running, &thread, &begun, BPF_ANY);
}

/* The generation whose count of collections rose meanwhile. */
static __always_inline u32
collected_generation(const struct plimsoll_target *target,
                     const struct plimsoll_gc_running *begun) {
  u64 now[PLIMSOLL_GC_GENERATIONS - 1];
  if (begun->has_collections && read_collections(target, now)) {
    if (now[0] != begun->collections[0]) return 0;
    if (now[1] != begun->collections[1]) return 1;
    if (now[2] != begun->collections[2]) return 2;
  }
  return begun->generation;
}

/* One process collects on one thread at a time (it holds the GIL), so a row has
 * one writer. */
static __always_inline void end_collection(const struct plimsoll_target *target,
                                           u64 thread, s64 collected) {
  u64 now = bpf_ktime_get_ns();
  struct plimsoll_gc_running *begun = bpf_map_lookup_elem(&running, &thread);
  if (!begun) return; /* began before we attached: not counted */
  struct plimsoll_gc_key key = {
      .tgid = thread >> 32, .generation = collected_generation(target, begun)};
  u64 pause = now - begun->start_ns;
  bpf_map_delete_elem(&running, &thread);
  struct plimsoll_gc_pauses *row = bpf_map_lookup_elem(&pauses, &key);
  if (!row) {
    bpf_map_update_elem(&pauses, &key, &no_pauses, BPF_NOEXIST);
    row = bpf_map_lookup_elem(&pauses, &key);
  }
  if (!row) {
    count_drop(target->slot, PLIMSOLL_DROP_MAP_FULL);
    return;
  }
  row->count++;
  row->sum_ns += pause;
  if (row->max_epoch != target->epoch) {
    row->max_epoch = target->epoch;
    row->max_ns = 0;
  }
  if (pause > row->max_ns) row->max_ns = pause;
  if (collected > 0) row->collected += collected;
  u32 bucket = log2_bucket(pause);
  if (bucket < PLIMSOLL_GC_BUCKETS) row->log2_ns[bucket]++;
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
    begin_collection(target, thread, known, (s32)argument);
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
