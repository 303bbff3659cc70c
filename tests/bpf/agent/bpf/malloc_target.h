// The target of the tests of windows on malloc: a library whose functions each
// do one thing with the C library's allocator, and the script that asks them.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_MALLOC_TARGET_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_MALLOC_TARGET_H_

namespace plimsoll::testing {

// do_KIND(n, size) returns the bytes of the chunks that it made: usable + 8 is
// glibc's chunk.
inline constexpr char kMallocLibrary[] = R"(
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#define ONE static __attribute__((noinline)) void *
#define DONE __asm__ volatile("" ::: "memory")
static long chunk_of(void *block) { return malloc_usable_size(block) + 8; }
static void *kept[1 << 18];
static long kept_count;
static void keep(void *p) { kept[__sync_fetch_and_add(&kept_count, 1)] = p; }
ONE malloc_one(size_t size) { void *p = malloc(size); DONE; return p; }
ONE churn_one(size_t size) { void *p = malloc(size); DONE; return p; }
ONE calloc_one(size_t size) { void *p = calloc(2, size / 2); DONE; return p; }
ONE aligned_one(size_t size) { void *p = aligned_alloc(64, size); DONE; return p; }
ONE posix_one(size_t size) {
  void *p = 0;
  if (posix_memalign(&p, 64, size)) abort();
  DONE;
  return p;
}
ONE first_one(size_t size) { void *p = realloc(0, size); DONE; return p; }
ONE grow_one(void *old, size_t size) { void *p = realloc(old, size); DONE; return p; }
#define KEEP(kind) \
  long do_##kind(long n, size_t size) { \
    long bytes = 0; \
    for (long i = 0; i < n; ++i) { \
      void *p = kind##_one(size); bytes += chunk_of(p); keep(p); } \
    return bytes; }
KEEP(malloc) KEEP(calloc) KEEP(aligned) KEEP(posix) KEEP(first)
long do_churn(long n, size_t size) {
  long bytes = 0;
  void *some[7] = {0};
  for (long i = 0; i < n; ++i) {
    free(some[i % 7]);
    bytes += chunk_of(some[i % 7] = churn_one(size));
  }
  for (int i = 0; i < 7; ++i) free(some[i]);
  return bytes;
}
/* The last n that were kept, each to three times its size. */
long do_grow(long n, size_t size) {
  long bytes = 0;
  for (long i = kept_count - n; i < kept_count; ++i)
    bytes += chunk_of(kept[i] = grow_one(kept[i], size));
  return bytes;
}
long do_fail(long n, size_t size) {
  for (long i = kept_count - n; i < kept_count; ++i)
    if (realloc(kept[i], (size_t)1 << 62)) abort();
  return 0;
}
long do_drop(long n, size_t size) {
  for (long i = 0; i < n; ++i) free(kept[--kept_count]);
  return 0;
}
static size_t thread_size;
static void *thread(void *n) {
  do_churn((long)n, thread_size);
  do_malloc((long)n / 10, thread_size);
  return 0;
}
/* Eight threads at once, without the GIL. */
long do_threads(long n, size_t size) {
  pthread_t threads[8];
  thread_size = size;
  for (int i = 0; i < 8; ++i) pthread_create(&threads[i], 0, thread, (void *)n);
  for (int i = 0; i < 8; ++i) pthread_join(threads[i], 0);
  return 0;
}
)";

inline constexpr char kMallocScript[] = R"(
import ctypes, os, sys
held = ctypes.PyDLL(sys.argv[1])  # keeps the GIL
free = ctypes.CDLL(sys.argv[1])
def function(library, name):
    f = getattr(library, 'do_' + name)
    f.restype, f.argtypes = ctypes.c_long, [ctypes.c_long, ctypes.c_size_t]
    return f
names = 'malloc calloc aligned posix first churn grow fail drop'.split()
jobs = dict((name, function(held, name)) for name in names)
jobs['threads'] = function(free, 'threads')
until_the_end = os.pipe()
def fork(n, size):
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(until_the_end[1])
        jobs['churn'](n, size); jobs['malloc'](n, size); jobs['drop'](n, size)
        os.write(write, b'x'); os.read(until_the_end[0], 1); os._exit(0)
    os.read(read, 1); os.close(read); os.close(write)
    return 0
def become(n, size):
    sys.stdout.write('done\n'); sys.stdout.flush()
    os.execv('/bin/sleep', ['sleep', '60'])
jobs['fork'], jobs['exec'] = fork, become
def do_it(words):
    name, n, size = words
    return jobs[name](int(n), int(size))
sys.stdout.write('do_it %d\ndone\n' % id(do_it.__code__)); sys.stdout.flush()
while True:
    words = sys.stdin.readline().split()
    for i in range(0, len(words), 3):
        sys.stdout.write('%s %d\n' % (words[i], do_it(words[i:i + 3])))
    sys.stdout.write('done\n'); sys.stdout.flush()
)";

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_MALLOC_TARGET_H_
