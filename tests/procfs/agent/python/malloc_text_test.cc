// Where malloc's code lies, in the libc of this machine.
#include "agent/python/malloc_text.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace plimsoll::python {
namespace {

uint64_t AddressOf(void* libc, const char* name) {
  return reinterpret_cast<uint64_t>(::dlsym(libc, name));
}

TEST(MallocText, HoldsTheEntriesAndNotTheirNeighbours) {
  void* libc = ::dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  if (libc == nullptr) GTEST_SKIP() << "this test is not linked to glibc";
  const auto text = FindMallocTextOf(ProcProcessFiles("/proc", ::getpid()));
  ASSERT_TRUE(text.ok()) << text.status();
  for (const char* name : {"malloc", "free", "calloc", "realloc"}) {
    EXPECT_TRUE(text->Contains(AddressOf(libc, name))) << name;
  }
  for (const char* name : {"memset", "memcpy", "strdup", "write", "mmap"}) {
    EXPECT_FALSE(text->Contains(AddressOf(libc, name))) << name;
  }
  EXPECT_GE(text->end - text->begin, 8U << 10);
  EXPECT_LE(text->end - text->begin, 64U << 10);
}

TEST(MallocText, AFileWithoutMallocIsANamedRefusal) {
  auto bytes = ProcProcessFiles("/proc", ::getpid());
  const auto mappings = bytes.ReadMappings();
  ASSERT_TRUE(mappings.ok());
  for (const core::Mapping& m : *mappings) {
    if (!m.executable || m.path.find("/ld-linux") == std::string::npos) {
      continue;
    }
    const auto file = bytes.OpenMapped(m);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto elf = ElfFile::Parse(file->bytes);
    ASSERT_TRUE(elf.ok()) << elf.status();
    const auto text = FindMallocText(*elf);
    EXPECT_TRUE(absl::IsUnimplemented(text.status())) << text.status();
  }
}

}  // namespace
}  // namespace plimsoll::python
