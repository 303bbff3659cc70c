// The allocator that live interpreters call.
#include "agent/python/malloc_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "agent/python/identify_process.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"

namespace plimsoll::python {
namespace {

using core::MallocFunction;
using ::plimsoll::testing::LiveMemory;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::SupportedPythonsAndUwsgi;
using ::plimsoll::testing::TestName;

// Debian's libjemalloc2; a target in a root directory of its own has none.
constexpr char kJemalloc[] = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";
constexpr char kScript[] =
    "import sys; print('ready'); sys.stdout.flush(); sys.stdin.readline()";

absl::StatusOr<core::MallocSites> SitesOf(const PythonTarget& target) {
  BuildCache cache;
  const LiveMemory memory(target.pid());
  const auto python = IdentifyProcess(target.pid(), "/proc", memory, cache);
  if (!python.ok()) return python.status();
  return FindMallocSites(*python, ProcProcessFiles("/proc", target.pid()),
                         memory);
}

std::set<MallocFunction> FunctionsOf(const core::MallocSites& sites) {
  std::set<MallocFunction> functions;
  for (const core::MallocSite& site : sites.sites) {
    functions.insert(site.function);
  }
  return functions;
}

class MallocSitesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(MallocSitesTest, OfGlibcAreAllFound) {
  PythonTarget target(GetParam(), kScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const auto sites = SitesOf(target);
  ASSERT_TRUE(sites.ok()) << sites.status();
  EXPECT_EQ(sites->allocator, "glibc");
  EXPECT_TRUE(sites->chunk_heads);
  EXPECT_EQ(FunctionsOf(*sites).size(), 6u);
}

TEST_P(MallocSitesTest, OfAPreloadedAllocatorAreItsOwn) {
  PythonTarget target(GetParam(), kScript, {{"LD_PRELOAD", kJemalloc}});
  ASSERT_EQ(target.ReadLine(), "ready");
  const auto sites = SitesOf(target);
  ASSERT_TRUE(sites.ok()) << sites.status();
  if (sites->allocator == "glibc") {
    GTEST_SKIP() << "the target could not load " << kJemalloc;
  }
  EXPECT_EQ(sites->allocator, "jemalloc");
  EXPECT_EQ(sites->module, "libjemalloc.so.2");
  EXPECT_FALSE(sites->chunk_heads);
  EXPECT_EQ(FunctionsOf(*sites).size(), 6u);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MallocSitesTest);
INSTANTIATE_TEST_SUITE_P(Pythons, MallocSitesTest,
                         ::testing::ValuesIn(SupportedPythonsAndUwsgi()),
                         TestName);

}  // namespace
}  // namespace plimsoll::python
