// How the memory of a live process is read, and what is left alone.
#include "agent/inspector/target_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <string>
#include <vector>

#include "agent/inspector/blocking_inspector.h"
#include "gtest/gtest.h"
#include "tests/procfs/agent/inspector/inspector_options.h"
#include "tests/support/heap_target.h"

namespace plimsoll::inspector {
namespace {

// Memory that was never touched must stay so: reading it would map it.
TEST(InspectorMemory, UntouchedMemoryIsLeftAlone) {
  const auto pythons = testing::SupportedPythons();
  if (pythons.empty()) GTEST_SKIP() << "no supported Python is installed";
  testing::PythonTarget target(
      pythons.back(),
      "import mmap, sys\n"
      "m = mmap.mmap(-1, 16 << 30, flags=mmap.MAP_PRIVATE | "
      "mmap.MAP_ANONYMOUS | 0x4000)\n"  // MAP_NORESERVE
      "print('ready', flush=True)\n"
      "sys.stdin.readline()\n");
  ASSERT_EQ(target.ReadLine(), "ready");
  auto inspector = BlockingInspector::Make(Options());
  ASSERT_TRUE(inspector.ok()) << inspector.status();
  const auto python = (*inspector)->Identify(target.pid());
  ASSERT_TRUE(python.ok()) << python.status();
  const std::string tables = StatusField(target.pid(), "VmPTE");
  for (const bool headers_only : {false, true}) {
    const auto census =
        (*inspector)->TakeCensus(*python, {.headers_only = headers_only});
    ASSERT_TRUE(census.ok()) << census.status();
    EXPECT_LT(census->scanned_bytes, 64 << 20);
    std::cout << "16 GiB untouched: " << census->duration_ns / 1000 << " us\n";
  }
  EXPECT_EQ(StatusField(target.pid(), "VmPTE"), tables);
}

// process_vm_readv of a piece that ends in a hole gives what is before it.
TEST(TargetMemoryTest, AReadStopsAtAHole) {
  auto* pages =
      static_cast<std::byte*>(::mmap(nullptr, 4 * 4096, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  pages[3 * 4096 - 1] = std::byte{42};
  ASSERT_EQ(::munmap(pages + 3 * 4096, 4096), 0);
  const TargetMemory memory(::getpid());
  std::vector<std::byte> out(4 * 4096);
  const auto address = reinterpret_cast<uint64_t>(pages);
  EXPECT_EQ(memory.Read(address, out), 3u * 4096);
  EXPECT_EQ(out[3 * 4096 - 1], std::byte{42});
  EXPECT_EQ(memory.Read(address + 3 * 4096, out), 0u);
  EXPECT_EQ(memory.last_errno(), EFAULT);
  EXPECT_EQ(TargetMemory(1 << 30).Read(address, out), 0u);
  // The third of four lies across the hole.
  const uint64_t each[] = {address, address + 3 * 4096 - 8,
                           address + 3 * 4096 - 4, address};
  EXPECT_EQ(memory.ReadEach(each, 8, out), 2u);
  EXPECT_EQ(out[15], std::byte{42});
  EXPECT_EQ(TargetMemory(1 << 30).ReadEach(each, 8, out), 0u);
  ::munmap(pages, 3 * 4096);
}

}  // namespace
}  // namespace plimsoll::inspector
