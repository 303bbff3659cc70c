// The census on live interpreters, against what they say of themselves.
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

constexpr int kCount = 20000;

class LiveCensus : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    target_ = std::make_unique<testing::HeapTarget>(
        GetParam(), std::vector<std::string>{std::to_string(kCount), "churn"});
    ASSERT_TRUE(target_->running() && target_->Next());
    python::BuildCache cache;
    auto python =
        python::IdentifyProcess(target_->pid(), "/proc",
                                inspector::TargetMemory(target_->pid()), cache);
    ASSERT_TRUE(python.ok()) << python.status();
    python_ = *std::move(python);
    EXPECT_EQ(static_cast<int64_t>(python_.type_type_address),
              target_->Number("type_type"));
  }

  bool Go() { return target_->WriteLine("go") && target_->Next(); }

  absl::StatusOr<core::HeapCensus> Census(core::CensusOptions options = {}) {
    options.max_types = 0;
    const auto maps = procfs::ProcRoot().ReadMaps(target_->pid());
    if (!maps.ok()) return maps.status();
    return TakeCensus(inspector::TargetMemory(target_->pid()), *maps, python_,
                      options);
  }

  static int64_t Objects(const core::HeapCensus& census,
                         const std::string& type) {
    for (const core::TypeCount& row : census.types) {
      if (row.type == type) return row.objects;
    }
    return 0;
  }

  std::unique_ptr<testing::HeapTarget> target_;
  core::PythonProcess python_;
};

TEST_P(LiveCensus, IdleCountsAreExact) {
  const auto before = Census();
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(Go());
  const auto after = Census();
  ASSERT_TRUE(after.ok()) << after.status();

  int exact = 0;
  for (const auto& [key, value] : target_->facts()) {
    if (key.starts_with("type:")) {
      EXPECT_EQ(Objects(*after, key.substr(5)), std::stoll(value)) << key;
      ++exact;
    } else if (key.starts_with("more:")) {
      // The script itself makes a few of these too.
      const std::string type = key.substr(5);
      EXPECT_NEAR(Objects(*after, type) - Objects(*before, type),
                  std::stoll(value), kCount * 0.01)
          << type;
    }
  }
  EXPECT_EQ(exact, 6);
  int64_t live = 0;
  for (const core::SizeClass& c : after->size_classes) live += c.blocks_live;
  // The script frees a little between asking and waiting.
  const auto truth = static_cast<double>(target_->Number("pool_blocks"));
  EXPECT_NEAR(live / truth, 1, 0.001) << live << " of " << truth;
  EXPECT_EQ(after->coverage.seen, after->coverage.total);
  EXPECT_EQ(after->coverage.total, live);
  EXPECT_EQ(after->read_faults, 0);
  std::cout << GetParam() << " blocks " << live << " of " << truth
            << ", unknown " << after->unknown_blocks << ", arenas "
            << after->arenas << ", types " << after->types.size() << "\n";
}

TEST_P(LiveCensus, CollectorStateIsRead) {
  ASSERT_TRUE(Go());
  const auto census = Census({.headers_only = true});
  ASSERT_TRUE(census.ok()) << census.status();
  ASSERT_EQ(census->gc.generations.size(), 3u);
  EXPECT_EQ(census->gc.generations[0].collections,
            target_->Number("collections0"));
  EXPECT_EQ(census->gc.generations[2].collections,
            target_->Number("collections2"));
  EXPECT_EQ(census->gc.enabled, false);
}

TEST_P(LiveCensus, HeadersAloneAgreeWithTheFullCensus) {
  ASSERT_TRUE(Go());
  const auto full = Census();
  const auto headers = Census({.headers_only = true});
  ASSERT_TRUE(full.ok() && headers.ok());
  ASSERT_EQ(full->size_classes.size(), headers->size_classes.size());
  for (size_t i = 0; i < full->size_classes.size(); ++i) {
    EXPECT_EQ(full->size_classes[i].blocks_live,
              headers->size_classes[i].blocks_live);
    EXPECT_EQ(full->size_classes[i].pools, headers->size_classes[i].pools);
  }
  EXPECT_EQ(full->arenas, headers->arenas);
  EXPECT_TRUE(headers->types.empty());
  EXPECT_LT(headers->scanned_bytes, full->scanned_bytes / 50);
}

TEST_P(LiveCensus, CountsHoldUnderLoad) {
  ASSERT_TRUE(Go());
  ASSERT_TRUE(Go());
  for (int i = 0; i < 20; ++i) {
    const auto census = Census();
    ASSERT_TRUE(census.ok()) << census.status();
    // Not churned: exact up to what a torn pool hides.
    const auto nested = Objects(*census, "routing.vehicles.Fleet.Nested");
    EXPECT_NEAR(nested, kCount, kCount * 0.005);
    EXPECT_NEAR(Objects(*census, "generator"), kCount, kCount * 0.005);
    // Churned: 500 more at any moment. The census is not of one moment, and
    // may meet a batch once in the pools it leaves and again in those that
    // the next batch takes.
    const auto cars = Objects(*census, "routing.vehicles.FloatingVehicle");
    EXPECT_GE(cars, kCount * 0.995);
    EXPECT_LE(cars, kCount + 4 * 500);
    EXPECT_GE(census->coverage.share(), 0.99);
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveCensus);
INSTANTIATE_TEST_SUITE_P(
    Pythons, LiveCensus,
    ::testing::ValuesIn(testing::SupportedPythonsAndUwsgi()),
    [](const auto& info) { return testing::TestNameOf(info.param); });

}  // namespace
}  // namespace plimsoll::heap
