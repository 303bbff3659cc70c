// Where the anonymous memory of live Pythons is, beside the kernel's figure.
//
// usage: memory_split PID...
//
// Prints a row of megabytes for each process: RssAnon of /proc/PID/status, what
// a census says that it consists of, and what is left (also as a share): see
// tests/support/memory_split.h. Needs root.
#include "tests/support/memory_split.h"

#include <cstdio>
#include <cstdlib>

#include "agent/heap/census.h"
#include "agent/inspector/resident_pages.h"
#include "agent/inspector/target_memory.h"
#include "agent/python/identify_process.h"
#include "agent/python/process_files.h"

namespace plimsoll {
namespace {

absl::StatusOr<testing::MemorySplit> Split(int32_t pid) {
  const inspector::TargetMemory memory(pid);
  python::BuildCache cache;
  const auto python = python::IdentifyProcess(pid, "/proc", memory, cache);
  if (!python.ok()) return python.status();
  const auto mappings = python::ProcProcessFiles("/proc", pid).ReadMappings();
  if (!mappings.ok()) return mappings.status();
  const uint32_t pool_bytes = python->objects.pool_bytes;
  const auto resident = inspector::ReadResidentRanges(
      "/proc", pid, heap::PoolRanges(*mappings), pool_bytes);
  const auto census = heap::TakeCensus(memory, *mappings, resident.ranges,
                                       *python, {.max_types = 0});
  if (!census.ok()) return census.status();
  return testing::SplitMemory(pid, *census, pool_bytes);
}

}  // namespace
}  // namespace plimsoll

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: memory_split PID...\n");
    return 2;
  }
  std::printf("%7s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s\n", "pid", "RssAnon",
              "py live", "py free", "objects", "native", "m. free", "lost",
              "files", "stack", "unexpl.");
  int failed = 0;
  for (int i = 1; i < argc; ++i) {
    const auto s = plimsoll::Split(std::atoi(argv[i]));
    if (!s.ok()) {
      std::fprintf(stderr, "%s\n", s.status().ToString().c_str());
      failed = 1;
      continue;
    }
    std::printf("%7s", argv[i]);
    for (const double bytes :
         {s->anon, s->pools_live, s->pools_free, s->objects, s->native,
          s->malloc_free, s->lost, s->files, s->stack, s->Unexplained()}) {
      std::printf(" %8.2f", bytes / 1e6);
    }
    std::printf(" %6.2f %%\n", 100 * s->Unexplained() / s->anon);
  }
  return failed;
}
