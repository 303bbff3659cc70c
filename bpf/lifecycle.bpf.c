// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Programs that start, processes that end, and the OOM killer's victims, as
 * they happen, for the whole node. Threads that end are not reported.
 */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/kernel.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "plimsoll/bpf_events.h"
#include "plimsoll/drop_reasons.h"
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 128 * 1024);
} events SEC(".maps");

/* Events that found the ring full. */
unsigned long long lost_events;

static __always_inline void emit(u32 kind, u32 tgid, u32 signal) {
  struct plimsoll_lifecycle_event *event =
      bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return;
  }
  event->time_ns = bpf_ktime_get_ns();
  event->kind = kind;
  event->tgid = tgid;
  event->signal = signal;
  bpf_ringbuf_submit(event, 0);
}

SEC("tp_btf/sched_process_exec")
int handle_exec(void *ctx) {
  emit(PLIMSOLL_LIFECYCLE_EXEC, bpf_get_current_pid_tgid() >> 32, 0);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int handle_exit(void *ctx) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  /* The last thread to leave ends the process, whichever it is. */
  if (BPF_CORE_READ(task, signal, live.counter) != 0) return 0;
  /* The status of wait(2): of the group where a signal ended it. */
  u32 status = BPF_CORE_READ(task, signal, group_exit_code);
  if (!status) status = BPF_CORE_READ(task, exit_code);
  emit(PLIMSOLL_LIFECYCLE_EXIT, bpf_get_current_pid_tgid() >> 32,
       status & 0x7f);
  return 0;
}

/* Since 6.8 or so the tracepoint passes the task and has a uid field; before
 * that it passes the pid. */
SEC("tp_btf/mark_victim")
int handle_oom_victim(u64 *ctx) {
  u32 pid;
  if (bpf_core_field_exists(struct trace_event_raw_mark_victim, uid)) {
    struct task_struct *task = (struct task_struct *)ctx[0];
    pid = BPF_CORE_READ(task, tgid);
  } else {
    pid = (u32)ctx[0];
  }
  emit(PLIMSOLL_LIFECYCLE_OOM_VICTIM, pid, 0);
  return 0;
}
