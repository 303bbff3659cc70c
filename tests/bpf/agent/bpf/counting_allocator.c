/* What the target itself allocates: a hook on the object domain's allocator
 * that counts. Loaded into a test's target by ctypes, which calls install();
 * the test reads `counted` from outside, so that reading runs no Python.
 *
 * Python's headers are not needed: the ABI below is that of 3.7 to 3.13
 * (Include/cpython/pymem.h); the symbols come from the interpreter.
 */
#include <stddef.h>
#include <stdint.h>

typedef struct {
  void *ctx;
  void *(*malloc)(void *ctx, size_t size);
  void *(*calloc)(void *ctx, size_t count, size_t size);
  void *(*realloc)(void *ctx, void *block, size_t size);
  void (*free)(void *ctx, void *block);
} PyMemAllocatorEx;
enum { PYMEM_DOMAIN_OBJ = 2 };
extern void PyMem_GetAllocator(int domain, PyMemAllocatorEx *allocator);
extern void PyMem_SetAllocator(int domain, PyMemAllocatorEx *allocator);

/* By size class: [0] larger than 512 or 0 bytes, [i] up to 16 * i. */
struct {
  uint64_t mallocs[33];
  uint64_t callocs[33];
  uint64_t reallocs;
  uint64_t frees;
} counted;

static PyMemAllocatorEx original;

static size_t size_class(size_t bytes) {
  return bytes == 0 || bytes > 512 ? 0 : (bytes + 15) / 16;
}

static void *count_malloc(void *ctx, size_t size) {
  counted.mallocs[size_class(size)]++;
  return original.malloc(original.ctx, size);
}

static void *count_calloc(void *ctx, size_t count, size_t size) {
  counted.callocs[size_class(count * size)]++;
  return original.calloc(original.ctx, count, size);
}

static void *count_realloc(void *ctx, void *block, size_t size) {
  counted.reallocs++;
  return original.realloc(original.ctx, block, size);
}

static void count_free(void *ctx, void *block) {
  if (block != NULL) counted.frees++;
  original.free(original.ctx, block);
}

uint64_t install(void) {
  PyMemAllocatorEx hook = {NULL, count_malloc, count_calloc, count_realloc,
                           count_free};
  PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &original);
  PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &hook);
  return (uint64_t)(uintptr_t)&counted;
}
