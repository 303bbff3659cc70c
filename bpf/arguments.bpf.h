// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The arguments at a probe, as its attach cookie says. x86-64 only. */
#ifndef PLIMSOLL_ARGUMENTS_BPF_H_
#define PLIMSOLL_ARGUMENTS_BPF_H_

#include "bpf/kernel.bpf.h"
#include "plimsoll/bpf_events.h"

/* The context allows no computed offset, so each register is its own load; the
 * barrier keeps clang from folding the loads into one at a computed address. */
#define PLIMSOLL_REGISTER_CASE(number, name) \
  if (index == number) {                     \
    u64 value = ctx->name;                   \
    asm volatile("" : "+r"(value));          \
    return value;                            \
  }

/* Order of core::ProbePoint::argument_register; 15 is the stack pointer. */
static __always_inline u64 register_value(struct pt_regs *ctx, u32 index) {
  PLIMSOLL_REGISTER_CASE(0, di)
  PLIMSOLL_REGISTER_CASE(1, si)
  PLIMSOLL_REGISTER_CASE(2, dx)
  PLIMSOLL_REGISTER_CASE(3, cx)
  PLIMSOLL_REGISTER_CASE(4, r8)
  PLIMSOLL_REGISTER_CASE(5, r9)
  PLIMSOLL_REGISTER_CASE(6, ax)
  PLIMSOLL_REGISTER_CASE(7, bx)
  PLIMSOLL_REGISTER_CASE(8, bp)
  PLIMSOLL_REGISTER_CASE(9, r10)
  PLIMSOLL_REGISTER_CASE(10, r11)
  PLIMSOLL_REGISTER_CASE(11, r12)
  PLIMSOLL_REGISTER_CASE(12, r13)
  PLIMSOLL_REGISTER_CASE(13, r14)
  PLIMSOLL_REGISTER_CASE(14, r15)
  PLIMSOLL_REGISTER_CASE(15, sp)
  return 0;
}

/* The cookie's argument into *value; false: not known at this probe. */
static __always_inline bool cookie_argument(struct pt_regs *ctx, u64 cookie,
                                            s64 *value) {
  u32 flags = PLIMSOLL_COOKIE_FLAGS(cookie);
  u64 word;
  if (flags & PLIMSOLL_ARGUMENT_NONE) return false;
  word = register_value(ctx, PLIMSOLL_COOKIE_REGISTER(cookie));
  if (flags & PLIMSOLL_ARGUMENT_IN_MEMORY) {
    u64 address = word + (s64)PLIMSOLL_COOKIE_DISPLACEMENT(cookie);
    if (bpf_probe_read_user(&word, 8, (const void *)address)) return false;
  }
  *value = flags & PLIMSOLL_ARGUMENT_4_BYTES ? (s64)(s32)word : (s64)word;
  return true;
}

#endif /* PLIMSOLL_ARGUMENTS_BPF_H_ */
