/* The kernel <-> user ABI of tier 5, beside bpf_events.h and by its rules: a
 * thread at a hit, with what unwinding in user space needs. */
#ifndef PLIMSOLL_BPF_NATIVE_H_
#define PLIMSOLL_BPF_NATIVE_H_

#include "plimsoll/bpf_events.h"

enum {
  PLIMSOLL_NATIVE_STACK_BYTES = 16384, /* copied of a user stack, at most */
  PLIMSOLL_NATIVE_PIECE_BYTES = 1024,  /* copied at a time */
  PLIMSOLL_NATIVE_REGISTERS = 21,
};

struct plimsoll_native_hit {
  __u64 time_ns;
  __u64 address;    /* that faulted, or is watched */
  __u64 stack_hash; /* 0: no Python stack */
  __u64 fs_base;
  /* As struct pt_regs has them: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si
   * di orig_ax ip cs flags sp ss. */
  __u64 registers[PLIMSOLL_NATIVE_REGISTERS];
  __u32 tgid;
  __u32 tid;
  __u32 in_kernel;   /* the hit was in a system call of the thread */
  __u32 stack_bytes; /* copied from sp upwards */
  __u8 stack[PLIMSOLL_NATIVE_STACK_BYTES];
};

PLIMSOLL_ASSERT_SIZE(plimsoll_native_hit, 216 + PLIMSOLL_NATIVE_STACK_BYTES);

#endif /* PLIMSOLL_BPF_NATIVE_H_ */
