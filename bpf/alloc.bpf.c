// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Tier 4 windows: allocations and frees of watched processes, counted here by
 * (process, probe, type, size class, Python stack). Nothing is sent per event;
 * user space reads the maps when the window closes. One program serves every
 * probe; the attach cookie says which.
 *
 * A hit: budget -> arguments -> type and size class -> stack -> one row.
 */
/* Kernel types stand before libbpf's headers. */
// clang-format off
#include "bpf/stacks.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bpf/arguments.bpf.h"
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* core::ProbeKind; tests/bpf holds them equal. */
enum {
  OBJECT_MALLOC = 1,
  OBJECT_FREE = 2,
  TYPE_GENERIC_ALLOC = 3,
  GC_NEW = 4,
  GC_NEW_VAR = 5,
  OBJECT_NEW = 6,
  OBJECT_REALLOC = 8,
  OBJECT_CALLOC = 9,
};

enum { SMALL_REQUEST_MAX = 512, BLOCK_ALIGNMENT = 16, POOL_HEADER_BYTES = 48 };

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, struct plimsoll_count_key);
  __type(value, struct plimsoll_count);
} counts SEC(".maps");

/* Types that a freed block may hold: from user space (the census) and from the
 * typed allocators as they are seen. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __type(key, struct plimsoll_type_key);
  __type(value, u8);
} known_types SEC(".maps");

/* What one hit works on. */
struct hit {
  struct pt_regs *ctx;
  const struct plimsoll_target *target;
  struct plimsoll_progress *progress;
  u32 tgid;
  u32 tid;
  u32 kind;
  bool no_items;
  u64 stack_hash;
};

/* The first 48 bytes of a pymalloc pool (Include/internal/pycore_obmalloc.h).
 */
struct pool_header {
  u32 count;
  u32 padding;
  u64 freeblock;
  u64 nextpool;
  u64 prevpool;
  u32 arenaindex;
  u32 szidx;
  u32 nextoffset;
  u32 maxnextoffset;
};

static __always_inline u32 size_class(u64 bytes) {
  if (bytes == 0 || bytes > SMALL_REQUEST_MAX) return 0;
  return (bytes + BLOCK_ALIGNMENT - 1) & ~(u64)(BLOCK_ALIGNMENT - 1);
}

/* Size class of a live block from the header of the pool it would stand in;
 * 0 when that is no pool: past 512 bytes, or not pymalloc's. */
static __always_inline u32
block_size_class(const struct plimsoll_target *target, u64 block) {
  struct pool_header pool;
  u32 bytes, distance;
  if (!target->pool_bytes) return 0;
  u64 start = block & ~((u64)target->pool_bytes - 1);
  if (bpf_probe_read_user(&pool, sizeof(pool), (const void *)start)) return 0;
  if (pool.szidx >= SMALL_REQUEST_MAX / BLOCK_ALIGNMENT || pool.count == 0)
    return 0;
  bytes = (pool.szidx + 1) * BLOCK_ALIGNMENT;
  if (pool.maxnextoffset != target->pool_bytes - bytes ||
      pool.nextoffset < POOL_HEADER_BYTES + bytes ||
      pool.nextoffset > target->pool_bytes + bytes)
    return 0;
  distance = (u32)(block - start);
  if (distance < POOL_HEADER_BYTES || distance >= pool.nextoffset ||
      (distance - POOL_HEADER_BYTES) % bytes)
    return 0;
  return bytes;
}

static __always_inline bool is_known_type(u32 tgid, u64 type) {
  struct plimsoll_type_key key = {.type = type, .tgid = tgid};
  return bpf_map_lookup_elem(&known_types, &key) != NULL;
}

/* Type of the object that a block held: its ob_type word still stands when the
 * block is freed, beside a reference count of 0. `bytes` 0: not in a pool. */
static __always_inline u64 freed_type(struct hit *hit, u64 block, u32 bytes) {
  u32 i;
#pragma clang loop unroll(disable)
  for (i = 0; i < PLIMSOLL_OBJECT_OFFSETS; i++) {
    u64 head[2]; /* ob_refcnt, ob_type */
    if (i >= hit->target->object_offset_count) break;
    u32 offset = hit->target->object_offsets[i];
    if (bytes && offset + sizeof(head) > bytes) continue;
    if (bpf_probe_read_user(head, sizeof(head), (const void *)(block + offset)))
      continue;
    if (head[0] == 0 && head[1] && is_known_type(hit->tgid, head[1]))
      return head[1];
  }
  return 0;
}

static __always_inline struct plimsoll_count *count_row(struct hit *hit,
                                                        u64 type, u32 bytes) {
  struct plimsoll_count_key key = {.type = type,
                                   .stack_hash = hit->stack_hash,
                                   .tgid = hit->tgid,
                                   .kind = hit->kind,
                                   .block_bytes = bytes};
  struct plimsoll_count zero = {}, *row;
  row = bpf_map_lookup_elem(&counts, &key);
  if (row) return row;
  bpf_map_update_elem(&counts, &key, &zero, BPF_NOEXIST);
  row = bpf_map_lookup_elem(&counts, &key);
  if (!row) {
    count_drop(hit->target->slot, PLIMSOLL_DROP_MAP_FULL);
    return NULL;
  }
  if (type && hit->kind >= TYPE_GENERIC_ALLOC && hit->kind <= OBJECT_NEW) {
    struct plimsoll_type_key known = {.type = type, .tgid = hit->tgid};
    u8 one = 1;
    bpf_map_update_elem(&known_types, &known, &one, BPF_ANY);
  }
  return row;
}

static __always_inline void count_allocation(struct hit *hit, u64 type,
                                             u64 bytes, u32 block) {
  struct plimsoll_count *row = count_row(hit, type, block);
  if (!row) return;
  __sync_fetch_and_add(&row->allocations, 1);
  __sync_fetch_and_add(&row->allocated_bytes, block ? block : bytes);
}

static __always_inline void count_free(struct hit *hit, u64 type, u32 block) {
  struct plimsoll_count *row = count_row(hit, type, block);
  if (!row) return;
  __sync_fetch_and_add(&row->frees, 1);
  __sync_fetch_and_add(&row->freed_bytes, block);
}

/* What pymalloc gives out for an object of `bytes`: its head and the words
 * before it (_PyType_PreHeaderSize), rounded to the size class. The values
 * that 3.13 keeps behind some instances are not in it. */
static __always_inline u64 typed_block_bytes(struct hit *hit, u64 type,
                                             u64 bytes) {
  const u64 has_gc = 1 << 14; /* Py_TPFLAGS_HAVE_GC */
  u64 flags = 0;
  bpf_probe_read_user(&flags, 8,
                      (const void *)(type + hit->target->type_flags));
  if (flags & has_gc) bytes += hit->target->gc_head_bytes;
  if (flags & hit->target->pre_header_flags) bytes += 16;
  return (bytes + 15) & ~15ULL;
}

/* Of what one thread left pending: holders of two GILs may write at once, and
 * what is half the one's and half the other's has another hash. */
static __always_inline u64 pending_hash(u32 tid, u64 type, u64 sp,
                                        u64 return_word, u64 min_bytes,
                                        u64 max_bytes) {
  u64 hash = plimsoll_hash_word(tid, type);
  hash = plimsoll_hash_word(hash, sp);
  hash = plimsoll_hash_word(hash, return_word);
  hash = plimsoll_hash_word(hash, min_bytes);
  hash = plimsoll_hash_word(hash, max_bytes);
  return hash ? hash : 1;
}

/* A typed allocator: counted by its type, and remembered for the malloc that
 * it makes. */
static __always_inline void handle_typed(struct hit *hit, u64 type, u64 items) {
  struct plimsoll_progress *p = hit->progress;
  s64 basic = 0, item = 0;
  u64 return_word = 0, sp = hit->ctx->sp;
  bool has_items = hit->kind == TYPE_GENERIC_ALLOC || hit->kind == GC_NEW_VAR;
  bpf_probe_read_user(&basic, 8,
                      (const void *)(type + hit->target->type_basicsize));
  bpf_probe_read_user(&item, 8,
                      (const void *)(type + hit->target->type_itemsize));
  bpf_probe_read_user(&return_word, 8, (const void *)sp);
  if (!has_items || hit->no_items) items = 0;
  u64 bytes = (u64)basic + items * (u64)item;
  /* The size class is only certain at the malloc; here the row says 0. */
  count_allocation(hit, type, typed_block_bytes(hit, type, bytes), 0);
  u64 most = bytes + (u64)item + hit->target->gc_slack_bytes + 8;
  p->pending_type = type;
  p->pending_sp = sp;
  p->pending_return = return_word;
  p->pending_min_bytes = bytes;
  p->pending_max_bytes = most;
  p->pending_check = pending_hash(hit->tid, type, sp, return_word, bytes, most);
}

/* The pending type, once, when this malloc is made inside that allocator: same
 * thread, deeper on the stack, its return address still in place, a size that
 * the type explains. A build that inlined the nested malloc leaves the type
 * pending; these checks keep it from the next, unrelated one. */
static __always_inline u64 take_pending_type(struct hit *hit, u64 bytes) {
  volatile struct plimsoll_progress *p = hit->progress;
  u64 check = p->pending_check, type, sp, return_word, least, most, word = 0;
  if (!check) return 0;
  type = p->pending_type;
  sp = p->pending_sp;
  return_word = p->pending_return;
  least = p->pending_min_bytes;
  most = p->pending_max_bytes;
  if (check != pending_hash(hit->tid, type, sp, return_word, least, most))
    return 0;
  p->pending_check = 0;
  if (hit->ctx->sp >= sp || bytes < least || bytes > most) return 0;
  if (bpf_probe_read_user(&word, 8, (const void *)sp) || word != return_word)
    return 0;
  return type;
}

static __always_inline void handle_malloc(struct hit *hit, u64 bytes) {
  u64 type = take_pending_type(hit, bytes);
  u32 block = hit->target->pool_bytes ? size_class(bytes) : 0;
  count_allocation(hit, type, bytes, block);
}

static __always_inline void handle_free(struct hit *hit, u64 block) {
  if (!block) return; /* free(NULL) frees nothing */
  u32 bytes = block_size_class(hit->target, block);
  u64 type = freed_type(hit, block, bytes);
  count_free(hit, type, bytes);
}

/* As pymalloc_realloc decides: in place when the block is large enough and not
 * much too large, else a new block and a free of the old. What malloc holds
 * stays with malloc. */
static __always_inline void handle_realloc(struct hit *hit, u64 block,
                                           u64 bytes) {
  u32 wanted = hit->target->pool_bytes ? size_class(bytes) : 0;
  u32 old = block ? block_size_class(hit->target, block) : 0;
  if (!block) {
    count_allocation(hit, 0, bytes, wanted);
    return;
  }
  if (old && bytes <= old && 4 * bytes > 3 * (u64)old) return;
  count_free(hit, 0, old);
  count_allocation(hit, 0, bytes, old ? wanted : 0);
}

static __always_inline void dispatch(struct hit *hit, u64 argument) {
  switch (hit->kind) {
    case OBJECT_MALLOC:
      handle_malloc(hit, argument);
      break;
    case OBJECT_FREE:
      handle_free(hit, argument);
      break;
    case OBJECT_REALLOC:
      handle_realloc(hit, argument, hit->ctx->si);
      break;
    case OBJECT_CALLOC:
      handle_malloc(hit, argument * hit->ctx->si);
      break;
    case TYPE_GENERIC_ALLOC:
    case GC_NEW:
    case GC_NEW_VAR:
    case OBJECT_NEW:
      handle_typed(hit, argument, hit->ctx->si);
      break;
    default:
      count_drop(hit->target->slot, PLIMSOLL_DROP_BAD_RECORD);
  }
}

SEC("uprobe")
int handle_alloc(struct pt_regs *ctx) {
  u64 pid_tgid = bpf_get_current_pid_tgid(), cookie, begin = 0, n = 0;
  u32 tgid = pid_tgid >> 32;
  s64 argument = 0;
  struct plimsoll_target *target = bpf_map_lookup_elem(&targets, &tgid);
  if (!target) return 0; /* a forked child, or another process' page */
  cookie = bpf_get_attach_cookie(ctx);
  struct plimsoll_progress *p =
      take_hit(target, PLIMSOLL_COOKIE_KIND(cookie), &n);
  if (!p) return 0;
  if ((n & 15) == 15) begin = bpf_ktime_get_ns();
  struct hit hit = {
      .ctx = ctx,
      .target = target,
      .progress = p,
      .tgid = tgid,
      .tid = (u32)pid_tgid,
      .kind = PLIMSOLL_COOKIE_KIND(cookie),
      .no_items = PLIMSOLL_COOKIE_FLAGS(cookie) & PLIMSOLL_NO_ITEMS};
  hit.stack_hash = record_stack(tgid, PLIMSOLL_HOLDS_GIL);
  if (cookie_argument(ctx, cookie, &argument))
    dispatch(&hit, argument);
  else
    count_drop(target->slot, PLIMSOLL_DROP_BAD_RECORD);
  if (begin) {
    __sync_fetch_and_add(&p->timed_ns, bpf_ktime_get_ns() - begin);
    __sync_fetch_and_add(&p->timed_hits, 1);
  }
  return 0;
}
