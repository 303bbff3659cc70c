// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The few kernel types that our programs read, trimmed by hand. The loader
 * moves each field to where the running kernel has it (CO-RE), so there is no
 * generated vmlinux.h. Include first in every .bpf.c.
 */
#ifndef PLIMSOLL_KERNEL_BPF_H_
#define PLIMSOLL_KERNEL_BPF_H_

#include <linux/bpf.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* The context of a uprobe: the layout is ABI (arch/x86 ptrace.h), no CO-RE. */
struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si,
      di, orig_ax, ip, cs, flags, sp, ss;
};

/* The context of a perf event, ABI as well (asm-generic/bpf_perf_event.h). */
struct bpf_perf_event_data {
  struct pt_regs regs;
  __u64 sample_period;
  __u64 addr;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), \
                             apply_to = record)

struct thread_struct {
  unsigned long fsbase;
};

typedef struct {
  int counter;
} atomic_t;

struct signal_struct {
  atomic_t live;       /* threads that have not ended */
  int group_exit_code; /* of wait(2), where a signal ends all threads */
};

struct task_struct {
  int pid;
  int tgid;
  int exit_code; /* of wait(2) */
  struct signal_struct *signal;
  struct thread_struct thread;
};

/* Since 6.8 the tracepoint passes the task and has a uid; before, the pid. */
struct trace_event_raw_mark_victim {
  int pid;
  unsigned int uid;
};

#pragma clang attribute pop

#endif /* PLIMSOLL_KERNEL_BPF_H_ */
