// A process whose memory is crafted against the reader of heaps: it stays in
// its bounds, says that what it read cannot be, and reads others as before.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "agent/inspector/blocking_inspector.h"
#include "gtest/gtest.h"
#include "tests/procfs/agent/inspector/inspector_options.h"
#include "tests/support/heap_target.h"

namespace plimsoll::inspector {
namespace {

using testing::HeapTarget;

constexpr int64_t kHonest = 20000;

// User and system time of a process.
double CpuSeconds(int32_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string word;
  double ticks = 0;
  for (int field = 3; rest >> word && field <= 15; ++field) {
    if (field >= 14) ticks += std::stod(word);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

int64_t ObjectsOf(const core::HeapCensus& census, const std::string& type) {
  for (const core::TypeCount& row : census.types) {
    if (row.type == type) return row.objects;
  }
  return 0;
}

class HostileHeap : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    honest_ = std::make_unique<HeapTarget>(
        GetParam(), std::vector<std::string>{std::to_string(kHonest)});
    hostile_ =
        std::make_unique<HeapTarget>(GetParam(), std::vector<std::string>{"96"},
                                     "tests/support/hostile_heap.py");
    ASSERT_TRUE(honest_->Next() && honest_->WriteLine("go") && honest_->Next());
    ASSERT_TRUE(hostile_->Next());
    auto inspector = BlockingInspector::Make(Options());
    ASSERT_TRUE(inspector.ok()) << inspector.status();
    inspector_ = *std::move(inspector);
  }

  void ExpectHonestCounts() {
    const auto python = inspector_->Identify(honest_->pid());
    ASSERT_TRUE(python.ok()) << python.status();
    const auto census = inspector_->TakeCensus(*python, {.max_types = 0});
    ASSERT_TRUE(census.ok()) << census.status();
    EXPECT_EQ(ObjectsOf(*census, "routing.vehicles.FloatingVehicle"), kHonest);
    EXPECT_EQ(census->coverage.seen, census->coverage.total);
    EXPECT_EQ(census->implausible_claims, 0);
  }

  // What is true whatever the heap says.
  void ExpectSane(const core::HeapCensus& census) {
    double bytes = 0;
    for (const core::TypeCount& row : census.types) {
      EXPECT_FALSE(row.type.empty());
      EXPECT_LE(row.type.size(), 600u);
      EXPECT_GE(row.objects, 0);
      EXPECT_GE(row.bytes, 0) << row.type;
      bytes += static_cast<double>(row.bytes);
    }
    EXPECT_LT(bytes, 2e9);
    EXPECT_GT(census.implausible_claims, 10000);
    EXPECT_GE(census.unknown_bytes, 0);
  }

  std::unique_ptr<HeapTarget> honest_, hostile_;
  std::unique_ptr<BlockingInspector> inspector_;
};

TEST_P(HostileHeap, IsReadWithinBoundsAndSaidToBeImplausible) {
  ASSERT_NO_FATAL_FAILURE(ExpectHonestCounts());
  const auto python = inspector_->Identify(hostile_->pid());
  ASSERT_TRUE(python.ok()) << python.status();
  const int32_t child = inspector_->stats().child_pid;
  const auto crafted = static_cast<double>(hostile_->Number("crafted"));
  struct Look {
    const char* name;
    core::CensusOptions options;
  };
  const Look looks[] = {
      {"headers", {.headers_only = true}},
      {"full", {.max_types = 20000}},
      {"sample", {.max_types = 500, .max_scan_bytes = 16 << 20, .seed = 3}}};
  for (const auto& [name, options] : looks) {
    const double began = CpuSeconds(child);
    const auto census = inspector_->TakeCensus(*python, options);
    const double seconds = CpuSeconds(child) - began;
    ASSERT_TRUE(census.ok()) << name << ": " << census.status();
    std::cout << GetParam() << " " << name << ": " << crafted / 1e6
              << " MB crafted, " << seconds << " s of CPU, "
              << census->types.size() << " types, "
              << census->implausible_claims << " implausible claims\n";
    // An honest heap of this size takes 0.1 s; one look without its bound
    // (at names, broken chains, free lists in circles) more than this.
    EXPECT_LT(seconds, kSanitized ? 100 : 5) << name;
    if (options.headers_only) continue;
    ExpectSane(*census);
    if (options.max_scan_bytes > 0) continue;
    // The rest of what it holds is counted as ever.
    EXPECT_EQ(ObjectsOf(*census, "__main__.Honest"), hostile_->Number("true"));
  }
  std::cout << "child: peak " << StatusField(child, "VmHWM") << "\n";
  EXPECT_LT(std::stoll(StatusField(child, "VmHWM")) >> 10,
            kSanitized ? 4096 : 60);
  ASSERT_NO_FATAL_FAILURE(ExpectHonestCounts());
  EXPECT_EQ(inspector_->stats().child_pid, child);
  EXPECT_EQ(inspector_->stats().crashes, 0);
  EXPECT_EQ(inspector_->stats().timeouts, 0);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HostileHeap);
INSTANTIATE_TEST_SUITE_P(Pythons, HostileHeap,
                         ::testing::ValuesIn(testing::SupportedPythons()),
                         [](const auto& info) {
                           return testing::TestNameOf(info.param);
                         });

}  // namespace
}  // namespace plimsoll::inspector
