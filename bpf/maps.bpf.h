// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Maps and steps that the programs share: targets, drop counters, hits.
 * Each object that includes this has its own maps.
 */
#ifndef PLIMSOLL_MAPS_BPF_H_
#define PLIMSOLL_MAPS_BPF_H_

/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/kernel.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "plimsoll/bpf_events.h"
#include "plimsoll/drop_reasons.h"
// clang-format on

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MAX_TARGETS);
  __type(key, u32);
  __type(value, struct plimsoll_target);
} targets SEC(".maps");

/* Hits and budget of each slot. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PLIMSOLL_MAX_TARGETS);
  __type(key, u32);
  __type(value, struct plimsoll_progress);
} progress SEC(".maps");

/* Lost updates, per CPU: [slot * PLIMSOLL_REASON_SLOTS + reason]. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, PLIMSOLL_MAX_TARGETS *PLIMSOLL_REASON_SLOTS);
  __type(key, u32);
  __type(value, u64);
} drops SEC(".maps");

static __always_inline void count_drop(u32 slot, u32 reason) {
  u32 index = slot * PLIMSOLL_REASON_SLOTS + reason;
  u64 *count = bpf_map_lookup_elem(&drops, &index);
  if (count) __sync_fetch_and_add(count, 1);
}

/* The slot's progress when this hit is within the budget; NULL: return at once.
 * Counts the hit, and what the budget turned away. */
static __always_inline struct plimsoll_progress *take_hit(
    const struct plimsoll_target *target, u32 kind, u64 *number) {
  u32 slot = target->slot;
  struct plimsoll_progress *p = bpf_map_lookup_elem(&progress, &slot);
  if (!p) return NULL;
  __sync_fetch_and_add(&p->hits_by_kind[kind & (PLIMSOLL_PROBE_KINDS - 1)], 1);
  *number = __sync_fetch_and_add(&p->hits, 1);
  if (*number < target->hit_budget) return p;
  if (!p->budget_spent_ns) p->budget_spent_ns = bpf_ktime_get_ns();
  count_drop(slot, PLIMSOLL_DROP_PROBE_BUDGET);
  return NULL;
}

#endif /* PLIMSOLL_MAPS_BPF_H_ */
