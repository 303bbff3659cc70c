// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Tier 5: which native code takes fresh memory. As growth.bpf.c, but each
 * sample carries the thread's registers and a copy of its stack.
 */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/native.bpf.h"
#include "bpf/stacks.bpf.h"
#include <bpf/bpf_tracing.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { PAGE_FAULT_KIND = 0 };

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 * 1024 * 1024);
} samples SEC(".maps");

SEC("perf_event")
int handle_native_fault(struct bpf_perf_event_data *ctx) {
  u64 pid_tgid = bpf_get_current_pid_tgid(), n;
  u32 tgid = pid_tgid >> 32;
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  struct plimsoll_progress *p = take_hit(target, PAGE_FAULT_KIND, &n);
  if (!p) return 0;
  u64 begin = (n & 15) == 15 ? bpf_ktime_get_ns() : 0;
  u64 hash = record_stack(tgid, PLIMSOLL_MAYBE_NO_GIL);
  struct plimsoll_native_hit *sample =
      bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
  if (!sample) {
    count_drop(target->slot, PLIMSOLL_DROP_RING_FULL);
    return 0;
  }
  sample->address = ctx->addr;
  if (!fill_native(ctx, hash, sample)) {
    count_drop(target->slot, PLIMSOLL_DROP_STACK_READ_FAULT);
    bpf_ringbuf_discard(sample, BPF_RB_NO_WAKEUP);
    return 0;
  }
  /* The reader polls: no wake-up per fault. */
  bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
  if (begin) {
    __sync_fetch_and_add(&p->timed_ns, bpf_ktime_get_ns() - begin);
    __sync_fetch_and_add(&p->timed_hits, 1);
  }
  return 0;
}
