// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Births of tiers 4 and 5: writes to a few watched words of watched processes.
 * A hardware breakpoint event traps behind the write; kept here, per word or
 * per chunk of malloc, are the number of writes and the stack of the last one
 * that was a birth. User space polls, moves the breakpoints, and decides what
 * the writes mean.
 */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/chunks.bpf.h"
#include <bpf/bpf_tracing.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { WATCH_KIND = 0 };

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MAX_TARGETS *PLIMSOLL_MAX_WATCHES);
  __type(key, struct plimsoll_watch_key);
  __type(value, struct plimsoll_watched);
} watches SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, PLIMSOLL_MAX_TARGETS);
  __type(key, u32);
  __type(value, struct plimsoll_cpu_samples);
} cpu_samples SEC(".maps");

/* rep movs and rep stos of any width: F3, with or without REX, then A4, A5, AA
 * or AB (AMD64 Architecture Programmer's Manual, volume 3). */
static __always_inline bool is_string_instruction(const u8 code[4]) {
  u8 opcode = (code[1] & 0xf0) == 0x40 ? code[2] : code[1];
  return code[0] == 0xf3 &&
         (opcode == 0xa4 || opcode == 0xa5 || opcode == 0xaa || opcode == 0xab);
}

SEC("perf_event")
int handle_cpu_time(struct bpf_perf_event_data *ctx) {
  u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct plimsoll_cpu_samples *samples =
      bpf_map_lookup_elem(&cpu_samples, &tgid);
  u64 ip = ctx->regs.ip;
  u8 code[4] = {};
  long unread;
  if (!samples) return 0;
  unread = (s64)ip < 0 ? bpf_probe_read_kernel(code, 4, (const void *)ip)
                       : bpf_probe_read_user(code, 4, (const void *)ip);
  __sync_fetch_and_add(&samples->taken, 1);
  if (!unread && is_string_instruction(code))
    __sync_fetch_and_add(&samples->in_string, 1);
  return 0;
}

/* Whether this write makes the object that stands there. Growth of an object
 * that lives already, seen before, does not; a write that leaves another type
 * ends what stood there. */
static __always_inline bool is_birth(struct plimsoll_watched *watch) {
  u64 word = 0;
  if (watch->type_address) {
    if (bpf_probe_read_user(&word, 8, (const void *)watch->type_address) ||
        word != watch->type) {
      watch->births = 0;
      return false;
    }
  }
  if (watch->untracked_address && watch->births) {
    if (!bpf_probe_read_user(&word, 8,
                             (const void *)watch->untracked_address) &&
        word != 0)
      return false;
  }
  return true;
}

/* The current Python stack becomes that of the watched word. A global function,
 * so that the verifier checks the walk once and on its own. */
__attribute__((noinline)) u64 keep_stack(u32 tgid, u64 address) {
  struct plimsoll_watch_key key = {.address = address, .tgid = tgid};
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  struct plimsoll_watched *watch = bpf_map_lookup_elem(&watches, &key);
  u32 reason = PLIMSOLL_DROP_NONE;
  u64 hash;
  if (!target || !watch) return 0;
  /* Writers hold the GIL; without one, the word itself is contested. */
  if (__sync_val_compare_and_swap(&watch->busy, 0, 1)) {
    count_drop(target->slot, PLIMSOLL_DROP_WALK_BUSY);
    return 0;
  }
  watch->walk.stack.frame_count = 0;
  hash = plimsoll_walk_frames(&target->frames, PLIMSOLL_MAYBE_NO_GIL,
                              &watch->walk, &reason);
  if (reason) count_drop(target->slot, reason);
  __sync_lock_test_and_set(&watch->busy, 0);
  return hash;
}

SEC("perf_event")
int handle_write(struct bpf_perf_event_data *ctx) {
  u64 n, begin;
  u32 tgid = bpf_get_current_pid_tgid() >> 32;
  struct plimsoll_watch_key key = {.address = ctx->addr, .tgid = tgid};
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0;
  struct plimsoll_progress *p = take_hit(target, WATCH_KIND, &n);
  if (!p) return 0;
  begin = (n & 15) == 15 ? bpf_ktime_get_ns() : 0;
  struct plimsoll_chunk_word *word = bpf_map_lookup_elem(&chunk_words, &key);
  if (word) {
    handle_chunk_write(ctx, target, tgid, word);
  } else {
    struct plimsoll_watched *watch = bpf_map_lookup_elem(&watches, &key);
    if (!watch) return 0; /* the watchpoint is being moved */
    __sync_fetch_and_add(&watch->hits, 1);
    watch->last_ns = bpf_ktime_get_ns();
    watch->last_tid = (u32)bpf_get_current_pid_tgid();
    if (is_birth(watch)) {
      keep_stack(tgid, key.address);
      __sync_fetch_and_add(&watch->births, 1);
    }
  }
  if (begin) {
    __sync_fetch_and_add(&p->timed_ns, bpf_ktime_get_ns() - begin);
    __sync_fetch_and_add(&p->timed_hits, 1);
  }
  return 0;
}
