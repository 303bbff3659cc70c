#include "agent/python/malloc_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "tests/support/elf_builder.h"

namespace plimsoll::python {
namespace {

using core::MallocFunction;
using ::plimsoll::testing::ElfBuilder;
using ::testing::HasSubstr;

constexpr uint64_t kPythonBias = 0x550000000000;
constexpr uint64_t kLibraryBias = 0x7f0000000000;
constexpr uint64_t kOtherBias = 0x7e0000000000;
constexpr uint64_t kMallocSlot = ElfBuilder::kData + 8;
constexpr uint64_t kFreeSlot = ElfBuilder::kData + 16;
constexpr uint64_t kMalloc = ElfBuilder::kCode;
constexpr uint64_t kFree = ElfBuilder::kCode + 16;

std::span<const uint8_t> Bytes(std::string_view code) {
  return {reinterpret_cast<const uint8_t*>(code.data()), code.size()};
}

// push %r12 ...; free begins with test %rdi,%rdi; je.
std::string Library() {
  ElfBuilder elf;
  elf.Code(std::string("\x41\x54\x55\x53", 4) + std::string(12, '\x90') +
           std::string("\x48\x85\xff\x0f\x84\xbf\0\0\0\xc3", 10));
  elf.Export("malloc", kMalloc, true).Export("free", kFree, true);
  return elf.Build();
}

class FakeProcess final : public ProcessFiles, public core::MemorySource {
 public:
  FakeProcess() {
    ElfBuilder python;
    python.Import("calloc", ElfBuilder::kData);
    python.Import("malloc", kMallocSlot, R_X86_64_GLOB_DAT);
    python.Import("free", kFreeSlot);
    Map(1, kPythonBias, "/usr/bin/python3.11", python.Build());
    Map(2, kLibraryBias, "/lib/x86_64-linux-gnu/libc.so.6", Library());
    Map(3, kOtherBias, "/lib/libjemalloc.so.2", Library());
    Bind(kLibraryBias + kMalloc, kLibraryBias + kFree);
  }
  void Bind(uint64_t malloc, uint64_t free) {
    words_[kPythonBias + kMallocSlot] = malloc;
    words_[kPythonBias + kFreeSlot] = free;
  }
  core::PythonProcess python() const {
    core::PythonProcess python;
    python.pid = 7;
    python.build.inode = 1;
    python.build.device = 5;
    return python;
  }
  absl::StatusOr<std::vector<core::Mapping>> ReadMappings() const override {
    return mappings_;
  }
  absl::StatusOr<OpenedFile> OpenMapped(
      const core::Mapping& mapping) const override {
    OpenedFile file;
    file.bytes = std::make_shared<BufferByteSource>(files_.at(mapping.inode));
    file.open_path = "/proc/7/root" + mapping.path;
    file.device = mapping.device;
    file.inode = mapping.inode;
    return file;
  }
  std::string ReadEnvironmentVariable(std::string_view) const override {
    return "";
  }
  std::vector<std::string> ReadArguments() const override { return {}; }
  size_t Read(uint64_t address, std::span<std::byte> out) const override {
    const auto found = words_.find(address);
    if (found == words_.end() || out.size() != 8) return 0;
    std::memcpy(out.data(), &found->second, 8);
    return 8;
  }

 private:
  void Map(uint64_t inode, uint64_t bias, const char* path, std::string file) {
    core::Mapping m;
    m.start = bias + ElfBuilder::kCode;
    m.end = m.start + 0x1000;
    m.file_offset = ElfBuilder::kCode;
    m.device = 5;
    m.inode = inode;
    m.readable = m.executable = true;
    m.path = path;
    mappings_.push_back(m);
    files_[inode] = std::move(file);
  }
  std::vector<core::Mapping> mappings_;
  std::map<uint64_t, std::string> files_;
  std::map<uint64_t, uint64_t> words_;
};

TEST(MallocSites, AreOfTheFileToWhichTheCallsAreBound) {
  FakeProcess process;
  auto sites = FindMallocSites(process.python(), process, process);
  ASSERT_TRUE(sites.ok()) << sites.status();
  EXPECT_EQ(sites->allocator, "glibc");
  EXPECT_EQ(sites->module, "libc.so.6");
  EXPECT_TRUE(sites->chunk_heads);
  EXPECT_EQ(sites->malloc_address, kLibraryBias + kMalloc);
  ASSERT_EQ(sites->sites.size(), 2U);
  EXPECT_EQ(sites->sites[0].function, MallocFunction::kMalloc);
  EXPECT_EQ(sites->sites[0].file_offset, kMalloc);
  EXPECT_EQ(sites->sites[0].cost, core::ProbeCost::kEmulated);
  // The je behind the test, of which every call passes one.
  EXPECT_EQ(sites->sites[1].function, MallocFunction::kFree);
  EXPECT_EQ(sites->sites[1].file_offset, kFree + 3);
  EXPECT_EQ(sites->sites[1].cost, core::ProbeCost::kEmulated);

  process.Bind(kOtherBias + kMalloc, kOtherBias + kFree);
  sites = FindMallocSites(process.python(), process, process);
  ASSERT_TRUE(sites.ok()) << sites.status();
  EXPECT_EQ(sites->allocator, "jemalloc");
  EXPECT_FALSE(sites->chunk_heads);
}

std::string RefusalOf(const FakeProcess& process) {
  const auto sites = FindMallocSites(process.python(), process, process);
  EXPECT_EQ(sites.status().code(), absl::StatusCode::kUnimplemented);
  return std::string(sites.status().message());
}

TEST(MallocSites, WhatIsNotAsItMustBeIsRefusedByName) {
  FakeProcess process;
  // Until the first call a slot leads back into the stub of its own file.
  process.Bind(kPythonBias + ElfBuilder::kCode + 6, kLibraryBias + kFree);
  EXPECT_THAT(RefusalOf(process), HasSubstr("not bound yet"));
  process.Bind(0x1234560000, kLibraryBias + kFree);
  EXPECT_THAT(RefusalOf(process), HasSubstr("not bound yet"));
  process.Bind(kLibraryBias + kMalloc, kOtherBias + kFree);
  EXPECT_THAT(RefusalOf(process), HasSubstr("two files"));
  process.Bind(kLibraryBias + kMalloc + 4, kLibraryBias + kFree);
  EXPECT_THAT(RefusalOf(process), HasSubstr("do not lead to what libc.so.6"));
}

TEST(MallocSites, AReturnIsProbedBeforeAnythingIsPushed) {
  // push %rbp
  EXPECT_EQ(ChooseReturnSite(Bytes("\x55\x48\x89\xe5")).offset, 0U);
  EXPECT_EQ(ChooseReturnSite(Bytes("\x55\x48\x89\xe5")).cost,
            core::ProbeCost::kEmulated);
  // endbr64; push %r12
  const ProbeSite behind = ChooseReturnSite(Bytes("\xf3\x0f\x1e\xfa\x41\x54"));
  EXPECT_EQ(behind.offset, 4U);
  EXPECT_EQ(behind.cost, core::ProbeCost::kEmulated);
  // mov %rdi,%rbp; push %rbx: the push is past what may be.
  const ProbeSite stepped = ChooseReturnSite(Bytes("\x48\x89\xfd\x53"));
  EXPECT_EQ(stepped.offset, 0U);
  EXPECT_EQ(stepped.cost, core::ProbeCost::kSingleStepped);
  // endbr64; mov: nothing is gained behind it.
  EXPECT_EQ(ChooseReturnSite(Bytes("\xf3\x0f\x1e\xfa\x48\x89\xfd")).offset, 0U);
  EXPECT_EQ(ChooseReturnSite({}).offset, 0U);
}

}  // namespace
}  // namespace plimsoll::python
