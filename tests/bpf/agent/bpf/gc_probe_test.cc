// Collections counted by probes beside gc.get_stats() of the target itself.
#include "agent/bpf/gc_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <numeric>
#include <optional>

#include "tests/bpf/agent/bpf/bpf_target.h"
#include "tests/support/bpf_requirement.h"

namespace plimsoll::bpf {
namespace {

using ::plimsoll::testing::BpfTarget;
using ::plimsoll::testing::PlainPythons;
using ::plimsoll::testing::StrippedPythons;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;

// With gc disabled, collections are those that `collect` asks for; `cycles`
// makes garbage that only they free; `automatic` lets the thresholds work.
// `dropped` passes a threshold and falls below it inside one call into C, so
// that from 3.13 the collector's function is called with nothing to do;
// `nested` collects garbage whose finalizers collect.
constexpr char kScript[] = R"(
import sys, gc
gc.disable(); gc.collect()
class Buoy(object): pass
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
def dropped(n):
    some = [()] * 5000 + [None]
    gc.collect(0)
    gc.enable()
    for i in range(n):
        try: list(map(list, some))
        except TypeError: pass
    gc.disable()
def automatic(n):
    gc.enable()
    kept = [[] for i in range(n)]
    gc.disable()
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

std::vector<std::string> AllPythons() {
  std::vector<std::string> all = PlainPythons(7, 15);
  for (const std::string& python : StrippedPythons()) all.push_back(python);
  return all;
}

int64_t Difference(const BpfTarget::Facts& after,
                   const BpfTarget::Facts& before, const std::string& name) {
  return std::stoll(after.at(name)) - std::stoll(before.at(name));
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
  BpfTarget target(GetParam(), kScript);
  CollectionsAreThoseOf(target, target.process());
}

// As in a build without --with-dtrace.
core::PythonProcess WithoutUsdt(core::PythonProcess python) {
  std::erase_if(python.build.probes, [](const core::ProbePoint& p) {
    return p.kind == core::ProbeKind::kGcStart ||
           p.kind == core::ProbeKind::kGcDone;
  });
  return python;
}

// By the collector's function, which is found in stripped files too.
TEST_P(GcFunctionTest, CollectionsByTheFunctionAlone) {
  BpfTarget target(GetParam(), kScript);
  CollectionsAreThoseOf(target, WithoutUsdt(target.process()));
}

// From 3.13 the function is also called when no generation is past its
// threshold any more, and from inside of a collection: no pauses.
TEST_P(GcProbeTest, CallsThatReturnAtOnceAreNoCollections) {
  BpfTarget target(GetParam(), kScript);
  const core::PythonProcess python = WithoutUsdt(target.process());
  const auto watched = probe_->Watch(python);
  ASSERT_TRUE(watched.ok()) << watched.status();
  const BpfTarget::Facts after = target.Command("dropped 9 nested 7");
  const absl::StatusOr<GcTaken> taken = probe_->Take(target.pid());
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_EQ(taken->pauses.size(), 3u);
  int64_t collections = 0;
  for (size_t i = 0; i < 3; ++i) {
    const std::string generation = std::to_string(i);
    EXPECT_EQ(taken->pauses[i].count,
              Difference(after, target.facts(), "collections" + generation))
        << "generation " << i;
    collections += taken->pauses[i].count;
  }
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
  int64_t collections = 0;
  for (size_t i = 0; i < 3; ++i) {
    const std::string generation = std::to_string(i);
    const core::GcPauses& pauses = taken->pauses[i];
    EXPECT_EQ(pauses.count,
              Difference(after, target.facts(), "collections" + generation))
        << "generation " << i;
    EXPECT_EQ(pauses.collected,
              Difference(after, target.facts(), "collected" + generation))
        << "generation " << i;
    EXPECT_EQ(std::accumulate(pauses.log2_ns_counts.begin(),
                              pauses.log2_ns_counts.end(), int64_t{0}),
              pauses.count);
    if (pauses.count > 0) {
      EXPECT_GT(pauses.max_ns, 0);
      EXPECT_GE(pauses.sum_ns, pauses.max_ns);
      EXPECT_LE(pauses.sum_ns, pauses.max_ns * pauses.count);
    }
    collections += pauses.count;
  }
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
  BpfTarget target(GetParam(), kScript);
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
