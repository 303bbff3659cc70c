// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The stack table: the current Python stack, walked and kept once per content.
 */
#ifndef PLIMSOLL_STACKS_BPF_H_
#define PLIMSOLL_STACKS_BPF_H_

#include "bpf/walk.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct plimsoll_stack_key);
  __type(value, struct plimsoll_stack);
} stacks SEC(".maps");

/* Room for the walks. A uprobe program may be preempted by another on the same
 * CPU (only migration is off), so a CPU has several slots, taken by exchange.
 */
enum { PLIMSOLL_WALK_SLOTS = 4 };
struct plimsoll_walk_slot {
  u32 busy;
  u32 padding;
  struct plimsoll_walk walk;
};
struct plimsoll_walk_slots {
  struct plimsoll_walk_slot slots[PLIMSOLL_WALK_SLOTS];
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct plimsoll_walk_slots);
} walks SEC(".maps");

static __always_inline u64 walk_and_store(const struct plimsoll_target *target,
                                          u32 tgid, u32 holds_gil,
                                          struct plimsoll_walk *walk) {
  u32 reason = PLIMSOLL_DROP_NONE;
  u64 hash = plimsoll_walk_frames(&target->frames, holds_gil, walk, &reason);
  if (reason) count_drop(target->slot, reason);
  if (!hash) return 0;
  struct plimsoll_stack_key key = {.hash = hash, .tgid = tgid};
  if (bpf_map_lookup_elem(&stacks, &key)) return hash;
  /* Only frames below frame_count are meaningful; the rest is older. */
  if (bpf_map_update_elem(&stacks, &key, &walk->stack, BPF_NOEXIST) &&
      !bpf_map_lookup_elem(&stacks, &key)) {
    count_drop(target->slot, PLIMSOLL_DROP_MAP_FULL);
    return 0;
  }
  return hash;
}

/* The current Python stack's key in the stack table; 0: none, counted. A global
 * function, so that the verifier checks the walk once and on its own. */
__attribute__((noinline)) u64 record_stack(u32 tgid, u32 holds_gil) {
  u32 zero = 0, i;
  u64 hash = 0;
  /* Through memory, so that the verifier checks one walk, not one per slot. */
  volatile u32 taken = PLIMSOLL_WALK_SLOTS;
  const struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  struct plimsoll_walk_slots *room = bpf_map_lookup_elem(&walks, &zero);
  struct plimsoll_walk_slot *slot;
  if (!room) return 0;
#pragma clang loop unroll(disable)
  for (i = 0; i < PLIMSOLL_WALK_SLOTS; i++) {
    if (__sync_val_compare_and_swap(&room->slots[i].busy, 0, 1) == 0) {
      taken = i;
      break;
    }
  }
  i = taken;
  if (i >= PLIMSOLL_WALK_SLOTS) {
    count_drop(target->slot, PLIMSOLL_DROP_WALK_BUSY);
    return 0;
  }
  slot = &room->slots[i];
  hash = walk_and_store(target, tgid, holds_gil, &slot->walk);
  __sync_lock_test_and_set(&slot->busy, 0);
  return hash;
}

#endif /* PLIMSOLL_STACKS_BPF_H_ */
