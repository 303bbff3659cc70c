// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A thread's user registers and the top of its user stack, as they are at a
 * hit: what unwinding in user space needs. A hit inside the kernel (a system
 * call that writes to fresh memory) gets the registers with which the thread
 * entered it.
 */
#ifndef PLIMSOLL_NATIVE_BPF_H_
#define PLIMSOLL_NATIVE_BPF_H_

#include "bpf/walk.bpf.h"
#include "plimsoll/bpf_native.h"

#define PLIMSOLL_IS_USER_CS(cs) (((cs)&3) == 3)

/* Each run of clang-format would break this in another way. */
/* clang-format off */
#define PLIMSOLL_REGISTERS(X) \
  X(0, r15) X(1, r14) X(2, r13) X(3, r12) X(4, bp) X(5, bx) X(6, r11) \
  X(7, r10) X(8, r9) X(9, r8) X(10, ax) X(11, cx) X(12, dx) X(13, si) \
  X(14, di) X(15, orig_ax) X(16, ip) X(17, cs) X(18, flags) X(19, sp) X(20, ss)
/* clang-format on */
#define PLIMSOLL_TAKE_REGISTER(index, name) \
  *(volatile __u64 *)&out->registers[index] = ctx->regs.name;

static __always_inline int copy_user_registers(
    struct bpf_perf_event_data *ctx, struct plimsoll_native_hit *out) {
  struct pt_regs *regs;
  if (PLIMSOLL_IS_USER_CS(ctx->regs.cs)) {
    out->in_kernel = 0;
    /* The verifier rewrites each load from the context, so it is not copied
     * as a block. */
    PLIMSOLL_REGISTERS(PLIMSOLL_TAKE_REGISTER)
    return 0;
  }
  out->in_kernel = 1;
  regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
  if (!regs) return -1;
  return bpf_probe_read_kernel(out->registers, sizeof(out->registers), regs);
}

/* From the stack pointer up, a piece at a time: what lies behind the stack's
 * top cannot be read, and need not be. */
static __always_inline void copy_user_stack(struct plimsoll_native_hit *out) {
  u64 sp = out->registers[19];
  u32 i;
  out->stack_bytes = 0;
#pragma clang loop unroll(disable)
  for (i = 0; i < PLIMSOLL_NATIVE_STACK_BYTES / PLIMSOLL_NATIVE_PIECE_BYTES;
       i++) {
    u32 at = i * PLIMSOLL_NATIVE_PIECE_BYTES;
    if (bpf_probe_read_user(&out->stack[at], PLIMSOLL_NATIVE_PIECE_BYTES,
                            (const void *)(sp + at))) {
      /* To the end of the page, where a piece would cross it. */
      u32 rest = (4096 - ((u32)(sp + at) & 4095)) & 4095;
      if (rest < PLIMSOLL_NATIVE_PIECE_BYTES &&
          !bpf_probe_read_user(&out->stack[at],
                               rest & (PLIMSOLL_NATIVE_PIECE_BYTES - 1),
                               (const void *)(sp + at))) {
        out->stack_bytes = at + rest;
      }
      return;
    }
    out->stack_bytes = at + PLIMSOLL_NATIVE_PIECE_BYTES;
  }
}

/* All but `address`. False: the registers cannot be had. */
static __always_inline bool fill_native(struct bpf_perf_event_data *ctx,
                                        u64 stack_hash,
                                        struct plimsoll_native_hit *out) {
  u64 pid_tgid = bpf_get_current_pid_tgid();
  out->time_ns = bpf_ktime_get_ns();
  out->stack_hash = stack_hash;
  out->fs_base = plimsoll_thread_pointer();
  out->tgid = pid_tgid >> 32;
  out->tid = (u32)pid_tgid;
  if (copy_user_registers(ctx, out)) return false;
  copy_user_stack(out);
  return true;
}

#endif /* PLIMSOLL_NATIVE_BPF_H_ */
