#include "agent/python/interpreter_binary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/interpreter_elf.h"

namespace plimsoll::python {
namespace {

using ::plimsoll::testing::ElfBuilder;
using ::plimsoll::testing::InterpreterElf;
using ::testing::HasSubstr;

OpenedFile File(const ElfBuilder& elf, uint64_t inode = 1) {
  OpenedFile file;
  file.bytes = std::make_shared<BufferByteSource>(elf.Build());
  file.inode = inode;
  return file;
}

void ExpectRefusal(const ElfBuilder& elf, absl::StatusCode code,
                   const std::string& words,
                   const std::string& path = "/usr/bin/app") {
  const auto binary = AnalyzeInterpreter(File(elf), path);
  EXPECT_EQ(binary.status().code(), code) << binary.status();
  EXPECT_THAT(std::string(binary.status().message()), HasSubstr(words));
}

TEST(AnalyzeInterpreter, EmbeddedInAnyProgram) {
  const auto binary = AnalyzeInterpreter(
      File(InterpreterElf(9, "3.9.18").BuildId("\xab")), "/opt/app (deleted)");
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_EQ(binary->build.version, (core::PythonVersion{3, 9, 18}));
  EXPECT_EQ(binary->build.object_path, "/opt/app");
  EXPECT_EQ(binary->build.build_id, "ab");
  EXPECT_TRUE(binary->build.stripped);
  EXPECT_FALSE(binary->build.shared_library);
  EXPECT_EQ(binary->runtime, ElfBuilder::kData);
}

TEST(AnalyzeInterpreter, ProbesAndWhyTheCollectorHasNone) {
  const auto binary =
      AnalyzeInterpreter(File(InterpreterElf(9, "3.9.18")), "/opt/app");
  ASSERT_TRUE(binary.ok());
  EXPECT_EQ(binary->build.probe_refusal, "");
  EXPECT_THAT(binary->build.gc_probe_refusal, HasSubstr("no .eh_frame"));
  EXPECT_THAT(binary->build.new_pool_refusal, HasSubstr("no .eh_frame"));
  ASSERT_EQ(binary->build.probes.size(), 2u);
  const core::ProbePoint& malloc = binary->build.probes[0];
  EXPECT_EQ(malloc.symbol, "PyObject_Malloc");
  EXPECT_EQ(malloc.entry_offset, ElfBuilder::kCode + 16);
  EXPECT_EQ(malloc.file_offset, ElfBuilder::kCode + 22) << "the js";
  EXPECT_EQ(malloc.cost, core::ProbeCost::kEmulated);
}

TEST(AnalyzeInterpreter, CollectorBySymbolAndItsGenerationArgument) {
  auto elf = InterpreterElf(12, "3.12.1");
  elf.Local("gc_collect_main", ElfBuilder::kCode, true, 2);
  auto binary = AnalyzeInterpreter(File(elf), "/opt/app");
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_EQ(binary->build.gc_probe_refusal, "");
  EXPECT_EQ(binary->build.probes.back().kind, core::ProbeKind::kGcCollect);
  EXPECT_EQ(binary->build.probes.back().argument_register, 1);

  auto changed = InterpreterElf(12, "3.12.1");
  changed.Local("gc_collect_main.isra.0", ElfBuilder::kCode, true, 2);
  changed.Local("gc_collect_main.isra.0.cold", ElfBuilder::kCode, true, 2);
  binary = AnalyzeInterpreter(File(changed), "/opt/app");
  ASSERT_TRUE(binary.ok());
  EXPECT_EQ(binary->build.probes.size(), 3u);
  EXPECT_EQ(binary->build.probes.back().argument_register, -1);
}

TEST(AnalyzeInterpreter, UsdtGoesBeforeTheSymbol) {
  auto elf = InterpreterElf(12, "3.12.1");
  elf.Local("gc_collect_main", ElfBuilder::kCode, true, 2);
  elf.Usdt("python", "gc__start", "-4@112(%rsp)", ElfBuilder::kCode + 2,
           ElfBuilder::kData + 4);
  elf.Usdt("python", "gc__done", "-8@%r12", ElfBuilder::kCode + 3,
           ElfBuilder::kData + 6);
  elf.Usdt("other", "gc__done", "-8@%r12", ElfBuilder::kCode + 3, 0);
  const auto binary = AnalyzeInterpreter(File(elf), "/opt/app");
  ASSERT_TRUE(binary.ok());
  ASSERT_EQ(binary->build.probes.size(), 5u);
  EXPECT_EQ(binary->build.probes[4].kind, core::ProbeKind::kGcCollect);
  const core::ProbePoint& start = binary->build.probes[2];
  EXPECT_EQ(start.kind, core::ProbeKind::kGcStart);
  EXPECT_EQ(start.semaphore_offset, 0x2004u);
  EXPECT_EQ(start.argument_register, -1);
  EXPECT_EQ(start.argument_base_register, 15);
  EXPECT_EQ(start.argument_displacement, 112);
  EXPECT_EQ(start.argument_bytes, -4);
  EXPECT_EQ(start.cost, core::ProbeCost::kEmulated);
  EXPECT_EQ(binary->build.probes[3].argument_register, 11);
}

TEST(AnalyzeInterpreter, RefusalsSayWhy) {
  using Code = absl::StatusCode;
  ExpectRefusal(ElfBuilder(), Code::kNotFound, "not Python");
  ExpectRefusal(InterpreterElf(6, "3.6.15"), Code::kUnimplemented,
                "older than 3.7");
  ExpectRefusal(InterpreterElf(16, "3.16.0"), Code::kUnimplemented,
                "Python 3.16.0");
  ExpectRefusal(ElfBuilder().Export("pypy_main_startup", 0x1000, true),
                Code::kUnimplemented, "PyPy");
  auto two = InterpreterElf(6, "2.7.18");
  two.Export("PyString_FromString", 0x1000, true);
  ExpectRefusal(two, Code::kUnimplemented, "Python 2");
  auto free_threaded = InterpreterElf(13, "3.13.0");
  free_threaded.Export("_Py_MergeZeroLocalRefcount", 0x1000, true);
  ExpectRefusal(free_threaded, Code::kUnimplemented, "free-threaded");
  auto debug = InterpreterElf(11, "3.11.2");
  debug.Export("_Py_NegativeRefcount", 0x1000, true);
  ExpectRefusal(debug, Code::kUnimplemented, "debug build");
  ExpectRefusal(InterpreterElf(11, "3.11.0rc1"), Code::kUnimplemented,
                "pre-release");
  ExpectRefusal(InterpreterElf(11, "3.11.2"), Code::kUnimplemented, "named 3.9",
                "/usr/bin/python3.9");
  ExpectRefusal(InterpreterElf(11, "no version"), Code::kUnimplemented,
                "not certain");
}

TEST(BuildCache, KeepsAnswersWithinItsCapacity) {
  BuildCache cache(2);
  const auto python = File(InterpreterElf(9, "3.9.18"), 1);
  const auto other = File(ElfBuilder(), 2);
  EXPECT_TRUE(cache.Get(python, "/a").ok());
  EXPECT_FALSE(cache.Get(other, "/b").ok());
  EXPECT_TRUE(cache.Get(python, "/a").ok());
  EXPECT_FALSE(cache.Get(other, "/b").ok());
  EXPECT_EQ(cache.analyzed(), 2);
  EXPECT_FALSE(cache.Get(File(ElfBuilder(), 3), "/c").ok());
  EXPECT_TRUE(cache.Get(python, "/a").ok()) << "evicted, read again";
  EXPECT_EQ(cache.analyzed(), 4);
  // The same inode, rewritten.
  OpenedFile rewritten = File(ElfBuilder(), 1);
  rewritten.mtime_ns = 5;
  EXPECT_FALSE(cache.Get(rewritten, "/a").ok());
}

}  // namespace
}  // namespace plimsoll::python
