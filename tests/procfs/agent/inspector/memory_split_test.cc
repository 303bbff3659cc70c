// The parts of anonymous memory that a census finds, against the kernel's sum.
#include "tests/support/memory_split.h"

#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "agent/inspector/blocking_inspector.h"
#include "gtest/gtest.h"
#include "tests/procfs/agent/inspector/inspector_options.h"
#include "tests/support/heap_target.h"

namespace plimsoll::inspector {
namespace {

class MemorySplits : public ::testing::TestWithParam<std::string> {
 protected:
  void ExpectSumIsTheKernels(double most_unexplained) {
    testing::HeapTarget target(GetParam(), {"3000"},
                               "tests/support/heap_kinds.py");
    ASSERT_TRUE(target.Next() && target.WriteLine("go") && target.Next());
    auto inspector = BlockingInspector::Make(Options());
    ASSERT_TRUE(inspector.ok()) << inspector.status();
    const auto python = (*inspector)->Identify(target.pid());
    ASSERT_TRUE(python.ok()) << python.status();
    const auto census = (*inspector)->TakeCensus(*python, {});
    ASSERT_TRUE(census.ok()) << census.status();
    const auto split =
        testing::SplitMemory(target.pid(), *census, python->objects.pool_bytes);
    std::cout << GetParam() << ": RssAnon " << split.anon / 1e6
              << " MB, unexplained " << split.Unexplained() / 1e6 << " MB, "
              << 100 * split.Unexplained() / split.anon << " %\n";
    EXPECT_LT(std::abs(split.Unexplained()), most_unexplained * split.anon);
    EXPECT_GT(split.objects, 0.2 * split.anon);
    EXPECT_GE(split.native, 0);
  }
};

TEST_P(MemorySplits, PartsAddUpToAnonymousMemory) {
  ASSERT_NO_FATAL_FAILURE(ExpectSumIsTheKernels(0.02));
}

TEST_P(MemorySplits, PartsAddUpWithoutPools) {
  ::setenv("PYTHONMALLOC", "malloc", 1);
  ExpectSumIsTheKernels(0.02);
  ::unsetenv("PYTHONMALLOC");
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MemorySplits);
INSTANTIATE_TEST_SUITE_P(
    Pythons, MemorySplits,
    ::testing::ValuesIn(testing::SupportedPythonsAndUwsgi()),
    [](const auto& info) { return testing::TestNameOf(info.param); });

}  // namespace
}  // namespace plimsoll::inspector
