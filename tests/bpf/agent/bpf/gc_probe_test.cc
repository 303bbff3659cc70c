// Collections counted by probes beside gc.get_stats() of the target itself.
#include "agent/bpf/gc_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/bpf/agent/bpf/counted_collections.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::ExpectCollections;
using ::plimsoll::testing::kCollectorJobs;
using ::plimsoll::testing::PlainPythons;
using ::plimsoll::testing::StrippedPythons;
using ::plimsoll::testing::TestName;
using ::plimsoll::testing::ToldCollections;
using ::plimsoll::testing::WithoutUsdt;
using ::testing::HasSubstr;

// With gc disabled, collections are those that `collect` asks for; `cycles`
// makes garbage that only they free; `nested` collects garbage whose finalizers
// collect.
constexpr char kBegin[] = R"(
import sys, gc
gc.disable(); gc.collect()
)";
constexpr char kEnd[] = R"(
def cycles(n):
    for i in range(n):
        b = Buoy(); b.me = b
class Knot(Buoy):
    def __del__(self): gc.collect()
def collect(generation): gc.collect(generation)
def nested(n):
    for i in range(n):
        k = Knot(); k.me = k
    del k
    gc.collect(2)
def say():
    for i, s in enumerate(gc.get_stats()):
        sys.stdout.write('collections%d %d\ncollected%d %d\n' %
            (i, s['collections'], i, s['collected']))
    sys.stdout.write('done\n'); sys.stdout.flush()
jobs = dict(cycles=cycles, collect=collect, automatic=automatic,
            nested=nested, dropped=dropped)
say()
while True:
    words = sys.stdin.readline().split()
    for i in range(0, len(words), 2): jobs[words[i]](int(words[i + 1]))
    say()
)";
std::string Script() { return std::string(kBegin) + kCollectorJobs + kEnd; }

std::vector<std::string> AllPythons() {
  std::vector<std::string> all = PlainPythons(7, 15);
  for (const std::string& python : StrippedPythons()) all.push_back(python);
  return all;
}

// What the target did between two answers.
std::array<ToldCollections, 3> Told(const BpfTarget::Facts& after,
                                    const BpfTarget::Facts& before) {
  const auto since = [&](const char* what, size_t generation) {
    const std::string name = what + std::to_string(generation);
    return std::stoll(after.at(name)) - std::stoll(before.at(name));
  };
  std::array<ToldCollections, 3> told;
  for (size_t i = 0; i < told.size(); ++i) {
    told[i] = {since("collections", i), since("collected", i)};
  }
  return told;
}

class GcProbeTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    PLIMSOLL_NEEDS_BPF();
    absl::StatusOr<GcProbe> probe = GcProbe::Create(KernelSupport::Detect());
    ASSERT_TRUE(probe.ok()) << probe.status();
    probe_.emplace(*std::move(probe));
  }

  // What the probes count of `python`, the target or a copy of its description,
  // is what the target says.
  void CollectionsAreThoseOf(BpfTarget& target,
                             const core::PythonProcess& python);

  std::optional<GcProbe> probe_;
};

class GcFunctionTest : public GcProbeTest {};

TEST_P(GcProbeTest, CollectionsAreThoseOfTheTarget) {
  BpfTarget target(GetParam(), Script());
  CollectionsAreThoseOf(target, target.process());
}

// By the collector's function, which is found in stripped files too.
TEST_P(GcFunctionTest, CollectionsByTheFunctionAlone) {
  BpfTarget target(GetParam(), Script());
  CollectionsAreThoseOf(target, WithoutUsdt(target.process()));
}

// From 3.13 the function is also called when no generation is past its
// threshold any more, and from inside of a collection: no pauses.
TEST_P(GcProbeTest, CallsThatReturnAtOnceAreNoCollections) {
  BpfTarget target(GetParam(), Script());
  const core::PythonProcess python = WithoutUsdt(target.process());
  const auto watched = probe_->Watch(python);
  ASSERT_TRUE(watched.ok()) << watched.status();
  const BpfTarget::Facts after = target.Command("dropped 9 nested 7");
  const absl::StatusOr<GcTaken> taken = probe_->Take(target.pid());
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_EQ(taken->pauses.size(), 3u);
  const int64_t collections =
      ExpectCollections(*taken, Told(after, target.facts()));
  EXPECT_EQ(taken->pauses[2].count, 1);
  const auto calls = static_cast<int64_t>(taken->hits / 2);
  if (python.build.version >= core::PythonVersion{3, 13, 0}) {
    EXPECT_GE(calls, collections + 9 + 7);
  } else {
    EXPECT_EQ(calls, collections);
  }
  std::cout << calls << " calls, " << collections << " collections\n";
}

void GcProbeTest::CollectionsAreThoseOf(BpfTarget& target,
                                        const core::PythonProcess& python) {
  const auto watched = probe_->Watch(python);
  ASSERT_TRUE(watched.ok()) << watched.status();
  const BpfTarget::Facts after = target.Command(
      "cycles 40 collect 0 cycles 30 collect 1 cycles 20 collect 2 collect 2 "
      "automatic 30000");
  const absl::StatusOr<GcTaken> taken = probe_->Take(target.pid());
  ASSERT_TRUE(taken.ok()) << taken.status();

  ASSERT_EQ(taken->pauses.size(), 3u);
  const int64_t collections =
      ExpectCollections(*taken, Told(after, target.facts()));
  EXPECT_GT(collections, 4);
  EXPECT_EQ(taken->hits, static_cast<uint64_t>(2 * collections));
  EXPECT_TRUE(taken->drops.empty());
  EXPECT_FALSE(taken->budget_spent);

  // A second look sees what came since, no more.
  target.Command("collect 1");
  const absl::StatusOr<GcTaken> second = probe_->Take(target.pid());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->pauses[0].count, 0);
  EXPECT_EQ(second->pauses[0].max_ns, 0);
  EXPECT_EQ(second->pauses[1].count, 1);
  EXPECT_EQ(second->pauses[1].max_ns, second->pauses[1].sum_ns);
  EXPECT_EQ(second->pauses[2].count, 0);
}

TEST_P(GcProbeTest, UnwatchedAndPastBudgetSeeNothing) {
  BpfTarget target(GetParam(), Script());
  ASSERT_TRUE(probe_->Watch(target.process(), 4).ok());
  target.Command("collect 2 collect 2 collect 2 collect 2");
  const absl::StatusOr<GcTaken> taken = probe_->Take(target.pid());
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE(taken->budget_spent);
  EXPECT_EQ(taken->hits, 8u);
  EXPECT_EQ(taken->pauses[2].count, 2);
  EXPECT_EQ(taken->drops.at("probe_budget"), 4);

  probe_->Unwatch(target.pid());
  EXPECT_EQ(probe_->Take(target.pid()).status().code(),
            absl::StatusCode::kNotFound);
  target.Command("collect 2");
  ASSERT_TRUE(probe_->Watch(target.process()).ok());
  EXPECT_EQ(probe_->Take(target.pid())->pauses[2].count, 0);
}

INSTANTIATE_TEST_SUITE_P(Pythons, GcProbeTest,
                         ::testing::ValuesIn(AllPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GcProbeTest);
INSTANTIATE_TEST_SUITE_P(Pythons, GcFunctionTest,
                         ::testing::ValuesIn(StrippedPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GcFunctionTest);

TEST(ReturnProbeRefusalTest, NamesTheKernelsThatKillConfinedTargets) {
  EXPECT_THAT(ReturnProbeRefusal({6, 11, 0}), HasSubstr("6.11"));
  EXPECT_THAT(ReturnProbeRefusal({6, 13, 9}), HasSubstr("seccomp"));
  EXPECT_EQ(ReturnProbeRefusal({6, 10, 14}), "");
  EXPECT_EQ(ReturnProbeRefusal({6, 14, 0}), "");
  EXPECT_EQ(ReturnProbeRefusal({5, 15, 0}), "");
}

}  // namespace
}  // namespace plimsoll::bpf
