// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The frame walk of pyframes.bpf.h over the current task's memory.
 */
#ifndef PLIMSOLL_WALK_BPF_H_
#define PLIMSOLL_WALK_BPF_H_

#include "bpf/maps.bpf.h"

static __always_inline int plimsoll_read_user(void *dst, u32 bytes,
                                              u64 address) {
  return bpf_probe_read_user(dst, bytes, (const void *)address);
}

static __always_inline u64 plimsoll_thread_pointer(void) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task();
  return BPF_CORE_READ(task, thread.fsbase);
}

/* User space's, also where the hit is inside a system call; 0: not known. */
static __always_inline u64 plimsoll_stack_pointer(void) {
  struct pt_regs *regs =
      (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  return regs ? regs->sp : 0;
}

#include "bpf/pyframes.bpf.h"

#endif /* PLIMSOLL_WALK_BPF_H_ */
