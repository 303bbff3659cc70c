// The functions that a build does not export, found in a stripped copy of each
// interpreter of this machine and held against the symbols of the original.
#include "agent/python/internal_functions.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "agent/python/identify_process.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::python {
namespace {

namespace fs = std::filesystem;
using ::plimsoll::testing::LiveMemory;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::SupportedPythons;
using ::plimsoll::testing::TempDir;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;

absl::StatusOr<InterpreterBinary> Analyze(const std::string& file,
                                          const std::string& path) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return absl::NotFoundError(file);
  OpenedFile opened;
  opened.bytes =
      std::make_shared<FileByteSource>(std::move(fd), fs::file_size(file));
  return AnalyzeInterpreter(opened, path);
}

std::set<uint64_t> EntriesOf(const core::PythonBuild& build,
                             core::ProbeKind kind) {
  std::set<uint64_t> entries;
  for (const core::ProbePoint& p : build.probes) {
    if (p.kind == kind) entries.insert(p.entry_offset);
  }
  return entries;
}

// File offsets of the functions of these names; clones included.
std::set<uint64_t> SymbolsOf(const std::string& file, std::string_view name) {
  std::set<uint64_t> offsets;
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const auto elf = ElfFile::Parse(
      std::make_shared<FileByteSource>(std::move(fd), fs::file_size(file)));
  if (!elf.ok()) return offsets;
  for (const ElfSymbol& s : elf->MatchSymtab([name](std::string_view n) {
         return n == name ||
                (n.substr(0, name.size()) == name && n[name.size()] == '.' &&
                 n.find("cold") == std::string_view::npos);
       })) {
    offsets.insert(elf->FileOffset(s.address).value_or(0));
  }
  return offsets;
}

std::string FileOf(const std::string& python) {
  PythonTarget target(python, "print(1, flush=True); input()");
  if (target.ReadLine() != "1") return "";
  BuildCache cache;
  const auto process =
      IdentifyProcess(target.pid(), "/proc", LiveMemory(target.pid()), cache);
  return process.ok() ? process->build.object_path : "";
}

class InternalFunctionsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(InternalFunctionsTest, StrippedCopyGivesWhatTheSymbolsSay) {
  const std::string file = FileOf(GetParam());
  ASSERT_NE(file, "");
  const auto original = Analyze(file, file);
  ASSERT_TRUE(original.ok()) << original.status();
  if (original->build.stripped) GTEST_SKIP() << file << " has no symbols";
  TempDir directory;
  const std::string copy = (directory.path() / "stripped").string();
  if (std::system(("strip --strip-all -o " + copy + " " + file).c_str()) != 0) {
    GTEST_SKIP() << "no strip (binutils) on this machine";
  }
  const auto stripped = Analyze(copy, file);
  ASSERT_TRUE(stripped.ok()) << stripped.status();
  ASSERT_TRUE(stripped->build.stripped);
  const int minor = original->build.version.minor;

  const auto collectors =
      SymbolsOf(file, minor >= 10 ? "gc_collect_main" : "collect");
  ASSERT_FALSE(collectors.empty());
  EXPECT_EQ(stripped->build.gc_probe_refusal, "");
  EXPECT_EQ(EntriesOf(stripped->build, core::ProbeKind::kGcCollect),
            collectors);
  EXPECT_EQ(EntriesOf(original->build, core::ProbeKind::kGcCollect),
            collectors);

  const auto pools = SymbolsOf(file, "allocate_from_new_pool");
  EXPECT_EQ(EntriesOf(stripped->build, core::ProbeKind::kNewPool), pools);
  EXPECT_EQ(EntriesOf(original->build, core::ProbeKind::kNewPool), pools);
  EXPECT_EQ(pools.size(), minor >= 9 ? 1u : 0u);
  if (minor < 9) {
    EXPECT_THAT(stripped->build.new_pool_refusal,
                HasSubstr("starts pools inside its allocator"));
  }
  // All that is probed is the same in both files.
  ASSERT_EQ(stripped->build.probes.size(), original->build.probes.size());
  for (size_t i = 0; i < original->build.probes.size(); ++i) {
    const core::ProbePoint& a = original->build.probes[i];
    const core::ProbePoint& b = stripped->build.probes[i];
    EXPECT_EQ(a.file_offset, b.file_offset) << a.symbol;
    EXPECT_EQ(a.argument_register, b.argument_register) << a.symbol;
  }
}

INSTANTIATE_TEST_SUITE_P(Pythons, InternalFunctionsTest,
                         ::testing::ValuesIn(SupportedPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(InternalFunctionsTest);

// Debian's own: PGO and LTO, stripped, with USDT probes inside the collector,
// which FindCollector holds against the function it found.
class DebianTest : public ::testing::TestWithParam<std::string> {};

TEST_P(DebianTest, FindsBothFunctions) {
  if (!fs::exists(GetParam())) {
    GTEST_SKIP() << GetParam() << " is not installed";
  }
  const auto binary = Analyze(GetParam(), GetParam());
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_TRUE(binary->build.stripped);
  EXPECT_EQ(binary->build.gc_probe_refusal, "");
  EXPECT_EQ(binary->build.new_pool_refusal, "");
  EXPECT_EQ(EntriesOf(binary->build, core::ProbeKind::kGcCollect).size(), 1u);
  EXPECT_EQ(EntriesOf(binary->build, core::ProbeKind::kNewPool).size(), 1u);
  EXPECT_EQ(EntriesOf(binary->build, core::ProbeKind::kGcStart).size(), 1u);
  for (const core::ProbePoint& p : binary->build.probes) {
    if (p.kind == core::ProbeKind::kGcCollect) {
      EXPECT_EQ(p.argument_register, 1);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, DebianTest,
    ::testing::Values("/usr/bin/python3.11",
                      // What uWSGI's plugin is linked to.
                      "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"),
    TestName);

}  // namespace
}  // namespace plimsoll::python
