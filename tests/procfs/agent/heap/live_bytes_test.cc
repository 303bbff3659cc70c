// Bytes of the census on live interpreters: twelve kinds of objects, small and
// big, against what each interpreter says that they cost.
#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "agent/heap/census.h"
#include "agent/inspector/target_memory.h"
#include "agent/procfs/proc_root.h"
#include "agent/python/identify_process.h"
#include "gtest/gtest.h"
#include "tests/support/heap_target.h"

namespace plimsoll::heap {
namespace {

constexpr char kCount[] = "3000";

class LiveBytes : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    target_ = std::make_unique<testing::HeapTarget>(
        GetParam(), std::vector<std::string>{kCount, "pools"},
        "tests/support/heap_kinds.py");
    ASSERT_TRUE(target_->running() && target_->Next());
    python::BuildCache cache;
    auto python =
        python::IdentifyProcess(target_->pid(), "/proc",
                                inspector::TargetMemory(target_->pid()), cache);
    ASSERT_TRUE(python.ok()) << python.status();
    python_ = *std::move(python);
  }

  absl::StatusOr<core::HeapCensus> Census() {
    const auto maps = procfs::ProcRoot().ReadMaps(target_->pid());
    if (!maps.ok()) return maps.status();
    return TakeCensus(inspector::TargetMemory(target_->pid()), *maps, python_,
                      {.max_types = 0});
  }

  static core::TypeCount Row(const core::HeapCensus& census,
                             const std::string& type) {
    for (const core::TypeCount& row : census.types) {
      if (row.type == type) return row;
    }
    return {};
  }

  std::unique_ptr<testing::HeapTarget> target_;
  core::PythonProcess python_;
};

TEST_P(LiveBytes, TwelveKindsAreExactInCountAndWithinTwoPerCentInBytes) {
  const auto before = Census();
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(target_->WriteLine("go") && target_->Next());
  const auto after = Census();
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_TRUE(target_->WriteLine("go") && target_->Next());

  int kinds = 0;
  for (const auto& [key, value] : target_->facts()) {
    if (!key.starts_with("count:")) continue;
    ++kinds;
    const std::string type = key.substr(6);
    const core::TypeCount was = Row(*before, type), is = Row(*after, type);
    EXPECT_EQ(is.objects - was.objects, std::stoll(value)) << type;
    const auto truth = static_cast<double>(target_->Number("bytes:" + type));
    const double error = static_cast<double>(is.bytes - was.bytes) / truth - 1;
    EXPECT_LE(std::abs(error), 0.02) << type << " of " << truth << " bytes";
    std::cout << type << ": " << value << " objects, " << truth << " bytes, "
              << 100 * error << " %\n";
  }
  EXPECT_EQ(kinds, 16);
  EXPECT_EQ(after->implausible_claims, 0);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveBytes);
INSTANTIATE_TEST_SUITE_P(Pythons, LiveBytes,
                         ::testing::ValuesIn(testing::FindSupportedPythons()),
                         [](const auto& info) {
                           return testing::TestNameOf(info.param);
                         });

}  // namespace
}  // namespace plimsoll::heap
