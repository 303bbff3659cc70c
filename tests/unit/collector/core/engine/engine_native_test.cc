// A leak of native memory alone: paged by the imminent rule, and as native.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/core/history/used_memory.h"
#include "tests/unit/collector/core/engine_fixture.h"

namespace plimsoll::collector {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class NativeLeak : public EngineTest {
 protected:
  static ShapeOptions Of(double mib_per_min) {
    ShapeOptions o;
    o.shape = Shape::kLeakLumpy;
    o.native_share = 1;
    o.rate_bytes_per_s = mib_per_min * kMiB / 60;
    o.limit_bytes = 384 * kMiB;
    return o;
  }

  // With the totals of Python's allocator, as censuses have them.
  void AddNativeLife(const ProcessInfo& info, const ShapeOptions& options) {
    for (const Observation& o : MakeLife(options).observations) {
      events_.emplace(o.time_ns, std::pair(info, o));
      if (!o.has_census) continue;
      const auto put = [&](const char* name, double bytes) {
        fleet_.Put(info.key, {name, ""}, o.time_ns, bytes);
      };
      put(metric::kLiveBytes, 40 * kMiB);
      put(metric::kFreeBytes, kMiB);
      if (!o.native_bytes) continue;
      put(metric::kMallocLive, 5 * kMiB + *o.native_bytes);
      put(metric::kMallocPython, 5 * kMiB);
      put(metric::kMallocFree, kMiB);
    }
  }

  Incident Only() const {
    const auto incidents = engine_->Incidents();
    EXPECT_EQ(incidents.size(), 1u);
    return incidents.empty() ? Incident() : incidents[0];
  }
};

// It took the full judgement, which is past the kill here: at 16 minutes.
TEST_F(NativeLeak, AloneIsPagedWithinSevenMinutesAsNative) {
  AddNativeLife(Process(1, "thumbs-api", "eu-west-3"), Of(20));
  PlayUntil(420);
  const Incident i = Only();
  EXPECT_EQ(i.state, IncidentState::kFiring);
  EXPECT_TRUE(i.page);
  EXPECT_EQ(ToString(i.cause), "native") << i.text.ToString();
  EXPECT_EQ(i.rule, "imminent");
  EXPECT_THAT(requester_.asked_native, ElementsAre(1));
  EXPECT_TRUE(requester_.asked.empty());
  EXPECT_THAT(i.text.what,
              AllOf(StartsWith("native memory +"),
                    HasSubstr(" of growth: memory outside Python's "
                              "allocator (of the growth: ")));
  EXPECT_THAT(i.text.trust, HasSubstr("rule: imminent"));
  EXPECT_LT(i.native_bytes_per_s->lo, 20 * kMiB / 60);
  EXPECT_GT(i.native_bytes_per_s->hi, 20 * kMiB / 60);
  EXPECT_EQ(notifier_.said.back().labels.at("cause"), "native");
}

TEST_F(NativeLeak, WithoutTheTotalsTheRatesNameIt) {
  AddLife(Process(1, "thumbs-api", "eu-west-3"), Of(20));
  PlayUntil(420);
  EXPECT_EQ(ToString(Only().cause), "native") << Only().text.ToString();
}

// The module is of the stacks that came.
TEST_F(NativeLeak, SaysWhichModuleAskedForIt) {
  AddNativeLife(Process(1, "thumbs-api", "eu-west-3"), Of(20));
  StackEvidence row;
  row.kind = "native";
  row.bytes = 300'000;
  row.samples = row.objects = 90;
  row.share = 1;
  row.time_ns = kStartNs + 300 * kSecond;
  row.frames = {{"thumbnail", "", "_leaks.so", 0, true},
                {"render", "/srv/app/thumbs.py", "", 6, false}};
  fleet_.stacks[1].push_back(row);
  PlayUntil(420);
  EXPECT_THAT(Only().text.what, HasSubstr("of growth, asked for in _leaks.so"));
  EXPECT_THAT(Only().text.made_at, StartsWith("_leaks.so thumbnail "));
}

TEST_F(NativeLeak, ARestartDoesNotMakeItWait) {
  AddNativeLife(Process(1, "thumbs-api", "eu-west-3"), Of(20));
  PlayUntil(190);
  Restart();
  PlayUntil(420);
  EXPECT_EQ(Only().state, IncidentState::kFiring);
  EXPECT_EQ(ToString(Only().cause), "native");
}

TEST_F(NativeLeak, OfTwoPodsTheRateIsTheirMean) {
  for (const ProcessKey key : {1, 2}) {
    ShapeOptions options = Of(key == 1 ? 18 : 22);
    options.seed = static_cast<uint64_t>(key);
    ProcessInfo info = Process(key, "thumbs-api", "eu-west-3");
    info.pod = "thumbs-" + std::to_string(key);
    AddNativeLife(info, options);
  }
  PlayUntil(440);
  EXPECT_EQ(Only().leaking_instances, 2);
  EXPECT_NEAR(Only().native_bytes_per_s->value * 60 / kMiB, 20, 4);
}

// Nothing is guessed, and that is shown.
TEST_F(NativeLeak, WhereMallocIsNotReadNobodyIsPagedAndTheBoardSaysWhy) {
  ShapeOptions leak = Of(20);
  leak.malloc_read = false;
  AddNativeLife(Process(1, "thumbs-api", "eu-west-3"), leak);
  PlayUntil(420);
  EXPECT_TRUE(engine_->Incidents().empty());
  const auto shown = engine_->Shown();
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(shown.begin()->second.verdict, Verdict::kUnknown);
  EXPECT_THAT(shown.begin()->second.why,
              HasSubstr("native memory is not known: its malloc is not one "
                        "whose chunks are read"));
}

}  // namespace
}  // namespace plimsoll::collector
