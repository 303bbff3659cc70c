// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Tier 1: where fresh memory is taken. A per-task software event counts page
 * faults of watched processes; each sample goes to the ring with its address,
 * and the Python stack where the thread holds the GIL. Whether the address is
 * growth (anonymous, not copy-on-write) is for user space to say.
 */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/stacks.bpf.h"
#include <bpf/bpf_tracing.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { PAGE_FAULT_KIND = 0 };

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 512 * 1024);
} faults SEC(".maps");

SEC("perf_event")
int handle_page_fault(struct bpf_perf_event_data *ctx) {
  u64 pid_tgid = bpf_get_current_pid_tgid(), n;
  u32 tgid = pid_tgid >> 32;
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  struct plimsoll_progress *p = take_hit(target, PAGE_FAULT_KIND, &n);
  if (!p) return 0;
  u64 begin = (n & 15) == 15 ? bpf_ktime_get_ns() : 0;
  u64 hash = record_stack(tgid, PLIMSOLL_MAYBE_NO_GIL);
  struct plimsoll_fault *fault =
      bpf_ringbuf_reserve(&faults, sizeof(*fault), 0);
  if (!fault) {
    count_drop(target->slot, PLIMSOLL_DROP_RING_FULL);
    return 0;
  }
  fault->time_ns = bpf_ktime_get_ns();
  fault->address = ctx->addr;
  fault->instruction = ctx->regs.ip;
  fault->stack_hash = hash;
  fault->tgid = tgid;
  fault->tid = (u32)pid_tgid;
  /* The reader polls: no wake-up per fault. */
  bpf_ringbuf_submit(fault, BPF_RB_NO_WAKEUP);
  if (begin) {
    __sync_fetch_and_add(&p->timed_ns, bpf_ktime_get_ns() - begin);
    __sync_fetch_and_add(&p->timed_hits, 1);
  }
  return 0;
}
