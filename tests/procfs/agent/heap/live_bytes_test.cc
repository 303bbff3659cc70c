// Bytes of the census on live interpreters: twelve kinds of objects, small and
// big, against what each interpreter says that they cost.
#include <cmath>
#include <iostream>
#include <map>
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
  // `allocator`: PYTHONMALLOC; "" none.
  void Start(const std::string& allocator) {
    if (!allocator.empty()) ::setenv("PYTHONMALLOC", allocator.c_str(), 1);
    target_ = std::make_unique<testing::HeapTarget>(
        GetParam(), std::vector<std::string>{kCount},
        "tests/support/heap_kinds.py");
    ::unsetenv("PYTHONMALLOC");
    ASSERT_TRUE(target_->running() && target_->Next());
    python::BuildCache cache;
    auto python =
        python::IdentifyProcess(target_->pid(), "/proc",
                                inspector::TargetMemory(target_->pid()), cache);
    ASSERT_TRUE(python.ok()) << python.status();
    python_ = *std::move(python);
  }

  void ExpectKinds(bool exact);
  void ExpectNoneAreLeft(const core::HeapCensus& before,
                         const std::map<std::string, std::string>& facts,
                         bool exact);

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

void LiveBytes::ExpectKinds(bool exact) {
  const auto before = Census();
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(target_->WriteLine("go") && target_->Next());
  const auto after = Census();
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_TRUE(target_->WriteLine("go") && target_->Next());

  int kinds = 0;
  const std::map<std::string, std::string> facts = target_->facts();
  for (const auto& [key, value] : facts) {
    if (!key.starts_with("count:")) continue;
    ++kinds;
    const std::string type = key.substr(6);
    const core::TypeCount was = Row(*before, type), is = Row(*after, type);
    const int64_t count = std::stoll(value);
    // Between the looks the script's own text comes or goes.
    const int64_t counted = is.objects - was.objects;
    EXPECT_NEAR(static_cast<double>(counted), static_cast<double>(count),
                exact ? (type == "str" ? 1 : 0)
                      : 0.005 * static_cast<double>(count) + 5)
        << type;
    std::cout << type << ": " << counted << " of " << value << " objects";
    const auto truth = static_cast<double>(target_->Number("bytes:" + type));
    if (truth > 0) {
      const double error =
          static_cast<double>(is.bytes - was.bytes) / truth - 1;
      // glibc hands out up to 16 bytes more than it must when it reuses what
      // was freed: then the census is right and the rule is not.
      EXPECT_LE(std::abs(error), exact ? 0.02 : 0.25)
          << type << " of " << truth << " bytes";
      std::cout << ", " << truth << " bytes, " << 100 * error << " %";
    }
    std::cout << "\n";
  }
  EXPECT_EQ(kinds, 17);
  ExpectNoneAreLeft(*before, facts, exact);
  // The debug hooks fill what is not written yet.
  EXPECT_LE(after->implausible_claims,
            python_.allocator == "pymalloc" ? 0 : 100);
  std::cout << after->coverage.method << "\n";
  const core::MallocUse& m = after->malloc;
  std::cout << "malloc: " << m.live_bytes << " live, of which "
            << m.object_bytes << " objects, " << m.buffer_bytes
            << " buffers; free " << m.free_bytes << ", lost " << m.lost_bytes
            << " of " << after->resident_bytes << "\n";
  EXPECT_GE(m.live_bytes, m.object_bytes);
  // It rests: no chain breaks, not where a fork left its heap in two mappings
  // either.
  EXPECT_EQ(m.lost_bytes, 0);
}

// What the types keep in free lists for the next one is not alive.
void LiveBytes::ExpectNoneAreLeft(
    const core::HeapCensus& before,
    const std::map<std::string, std::string>& facts, bool exact) {
  ASSERT_TRUE(target_->WriteLine("go") && target_->Next());
  const auto dropped = Census();
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  // As above: in chunks of malloc what was freed may look alive until it is
  // written over (3 of 41,815 strings were seen to go so).
  const double slack = exact ? 2 : 5;
  for (const auto& [key, value] : facts) {
    if (!key.starts_with("count:")) continue;
    const std::string type = key.substr(6);
    EXPECT_NEAR(static_cast<double>(Row(*dropped, type).objects),
                static_cast<double>(Row(before, type).objects), slack)
        << type << ": " << value << " were made and dropped";
  }
}

TEST_P(LiveBytes, TwelveKindsAreExactInCountAndWithinTwoPerCentInBytes) {
  ASSERT_NO_FATAL_FAILURE(Start(""));
  ExpectKinds(true);
}

TEST_P(LiveBytes, PlainMallocIsWalkedForObjectsOfAllSizes) {
  ASSERT_NO_FATAL_FAILURE(Start("malloc"));
  ExpectKinds(false);
}

TEST_P(LiveBytes, DebugHooksPadEveryBlock) {
  ASSERT_NO_FATAL_FAILURE(Start("debug"));
  ExpectKinds(true);
}

TEST_P(LiveBytes, DebugHooksOverPlainMallocAreSeenThrough) {
  ASSERT_NO_FATAL_FAILURE(Start("malloc_debug"));
  ExpectKinds(false);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveBytes);
INSTANTIATE_TEST_SUITE_P(
    Pythons, LiveBytes,
    ::testing::ValuesIn(testing::SupportedPythonsAndUwsgi()),
    [](const auto& info) { return testing::TestNameOf(info.param); });

}  // namespace
}  // namespace plimsoll::heap
