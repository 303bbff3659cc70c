#include "collector/core/diagnosis/cause.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "collector/core/diagnosis/diagnosis_stored.h"
#include "collector/core/growth/judgement.h"
#include "collector/core/incident/incident_json.h"
#include "collector/core/page/page_text.h"
#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/growing_incident.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr char kOff[] =
    "the collector is off (gc.disable() or gc.set_threshold(0))";

// Puts one metric of process 7, so many seconds after the start.
auto PutAt(FakeFleet& fleet, int t_s) {
  return [&fleet, t_s](const char* name, double mib) {
    fleet.Put(7, {name, ""}, kStartNs + t_s * kSecondNs, kMiB * mib);
  };
}

// Of process 7, as an incident with a window of an hour has them then.
GrowthShares SharesAt(const FakeFleet& fleet, int t_s) {
  Incident i;
  i.window_s = 3600;
  AffectedProcess p;
  p.process = 7;
  p.leaking = true;
  i.processes = {p};
  EXPECT_TRUE(ReadShares(fleet, kStartNs + t_s * kSecondNs, i).ok());
  return i.shares;
}

// An hour of a process whose parts grow by so much.
GrowthShares SharesOf(double small_blocks, std::optional<double> in_malloc,
                      double free, double anon) {
  FakeFleet fleet;
  for (int t = 0; t <= 3600; t += 30) {
    const auto put = PutAt(fleet, t);
    const auto grown = [t](double per_hour) {
      return 50 + per_hour * t / 3600;
    };
    put(metric::kAnon, grown(anon));
    put(metric::kLiveBytes, grown(small_blocks));
    put(metric::kFreeBytes, grown(free));
    if (!in_malloc) continue;
    put("malloc_python_bytes", grown(*in_malloc));
    put("malloc_free_bytes", 50);
  }
  return SharesAt(fleet, 3600);
}

TEST(ReadShares, DivideTheGrowth) {
  const GrowthShares s = SharesOf(60, 20, 5, 100);
  EXPECT_NEAR(*s.python, 0.8, 1e-6);
  EXPECT_NEAR(*s.free, 0.05, 1e-6);
  EXPECT_NEAR(*s.native, 0.15, 1e-6);
}

// Python's large blocks are malloc's: unread, they may be what grows.
TEST(ReadShares, NativeIsNotKnownWhereMallocIsNotRead) {
  const GrowthShares s = SharesOf(10, std::nullopt, 0, 100);
  EXPECT_NEAR(*s.python, 0.1, 1e-6);
  EXPECT_FALSE(s.native.has_value());
  EXPECT_EQ(CauseOf(s, {}), Verdict::kLeak);
  Incident i;
  i.cause = Verdict::kLeak;
  i.shares = s;
  EXPECT_THAT(WritePage(i, "").what,
              HasSubstr("10 % live Python in blocks of up to 512 bytes; the "
                        "rest may be larger ones or native"));
  // Where next to nothing else grows it is known.
  EXPECT_EQ(CauseOf(SharesOf(80, std::nullopt, 0, 100), {}),
            Verdict::kPythonObject);
}

// A busy node takes a census each twenty minutes: an hour had three of them,
// and the page said "leak".
TEST(ReadShares, LookFurtherBackWhereAnHourHasFewCensuses) {
  FakeFleet fleet;
  for (int t = 0; t <= 14'400; t += 60) {
    const auto put = PutAt(fleet, t);
    put(metric::kAnon, 100 + t / 36.0);
    if (t % 1200 != 0) continue;
    put(metric::kLiveBytes, 50);
    put(metric::kFreeBytes, 10);
    put("malloc_python_bytes", 10);
    put("malloc_free_bytes", 5);
  }
  EXPECT_EQ(CauseOf(SharesAt(fleet, 14'400), {}), Verdict::kNative);
}

TEST(ReadShares, HaveIntervalsThatAreKept) {
  const GrowthShares s = SharesOf(60, 20, 5, 100);
  ASSERT_TRUE(s.python_ci && s.free_ci && s.native_ci);
  EXPECT_NEAR((*s.python_ci)[0], 0.8, 0.01);
  EXPECT_NEAR((*s.native_ci)[1], 0.15, 0.01);
  Incident i;
  i.shares = s;
  EXPECT_EQ(DecodeIncident(EncodeIncident(i))->shares, s);
}

// The median slope of a saw is that of the long side of its teeth.
TEST(ReadShares, GarbageThatComesAndGoesIsNoLivePython) {
  FakeFleet fleet;
  for (int t = 0; t <= 3600; t += 30) {
    const double waiting = 40 * std::fmod(t / 900.0, 1.0);
    const auto put = PutAt(fleet, t);
    put(metric::kAnon, 150 + t / 36.0);
    put(metric::kLiveBytes, 50 + waiting);
    put(metric::kFreeBytes, 50 - waiting);
    put("malloc_python_bytes", 10);
    put("malloc_free_bytes", 10);
  }
  const GrowthShares s = SharesAt(fleet, 3600);
  EXPECT_NEAR(*s.python, 0, 0.1);
  EXPECT_NEAR(*s.free, 0, 0.1);
  EXPECT_EQ(CauseOf(s, {}), Verdict::kNative);
}

TEST(ReadCollector, ReadsTheWorstProcess) {
  FakeFleet fleet;
  const int64_t now = kStartNs + 400 * kSecondNs;
  for (int64_t t = kStartNs; t <= now; t += 10 * kSecondNs) {
    fleet.Put(7, {"gc_enabled", ""}, t, t < now - kSecondNs ? 1 : 0);
  }
  Incident i = Growing("psycopg2.extras.DictCursor", 0.9);
  ASSERT_TRUE(ReadCollector(fleet, now, i).ok());
  EXPECT_EQ(i.collector_problem, kOff);
  i.processes[0].process = 8;  // of which nothing is known
  ASSERT_TRUE(ReadCollector(fleet, now, i).ok());
  EXPECT_EQ(i.collector_problem, "");
}

// It is read with a census, which a busy node takes each twenty minutes: a look
// at the last five found nothing most of the time, and said live objects.
TEST(ReadCollector, KnowsItFromTheLastCensusOfABusyNode) {
  FakeFleet fleet;
  const int64_t now = kStartNs + 3600 * kSecondNs;
  fleet.Put(7, {"gc_enabled", ""}, now - 1190 * kSecondNs, 0);
  Incident i = Growing("psycopg2.extras.DictCursor", 0.9);
  ASSERT_TRUE(ReadCollector(fleet, now, i).ok());
  EXPECT_EQ(i.collector_problem, kOff);
}

// It says what the collector does not see, and that is all: strings are in no
// cycle, frozen or not.
TEST(ReadCollector, DoubtsOnlyTypesThatMayBeInCycles) {
  FakeFleet fleet;
  const int64_t now = kStartNs + 400 * kSecondNs;
  for (int64_t t = kStartNs; t <= now; t += 10 * kSecondNs) {
    fleet.Put(7, {metric::kGcFrozen, ""}, t, 50'000);
  }
  Incident i = Growing("app.Order", 0.9);
  i.cause = Verdict::kPythonObject;
  ASSERT_TRUE(ReadCollector(fleet, now, i).ok());
  EXPECT_THAT(WritePage(i, "").trust,
              HasSubstr("garbage is not ruled out: what was dropped of the "
                        "50,000 objects that gc.freeze() put out"));
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kPythonObject);
  EXPECT_EQ(DecodeIncident(EncodeIncident(i))->collector_doubt,
            i.collector_doubt);
  i.types[0].type = "str";
  ASSERT_TRUE(ReadCollector(fleet, now, i).ok());
  EXPECT_EQ(i.collector_doubt, "");
}

TEST(ReadCollector, FindsAnOldGenerationThatIsNeverReached) {
  FakeFleet fleet;
  const int64_t now = kStartNs + 200 * kSecondNs;
  const double thresholds[] = {700, 10, 1'000'000}, runs[] = {440, 40, 0};
  fleet.Put(7, {metric::kGcEnabled, ""}, now, 1);
  for (int i = 0; i < 3; ++i) {
    const std::string label = std::to_string(i);
    fleet.Put(7, {metric::kGcThreshold, label}, now, thresholds[i]);
    for (int64_t t = kStartNs; t <= now; t += 10 * kSecondNs) {
      fleet.Put(7, {metric::kGcCollections, label}, t, runs[i]);
      fleet.Put(7, {metric::kGcCollected, label}, t, 0);
    }
  }
  Incident i = Growing("app.Order", 0.9);
  ASSERT_TRUE(ReadCollector(fleet, now, i).ok());
  i.cause = RefinedCause(i, {});
  EXPECT_EQ(i.cause, Verdict::kUnreachable);
  EXPECT_THAT(WritePage(i, "").what,
              HasSubstr("garbage that is not collected: the collector never "
                        "reaches the old generation (thresholds 700, 10, "));
  // The cause stays what people were told; the figures may change.
  i.collector_problem = "";
  EXPECT_THAT(WritePage(i, "").what,
              HasSubstr("garbage that was not collected when this began"));
}

TEST(RefinedCause, IsThatOfTheSharesWhereTheCollectorWorks) {
  const CauseThresholds t;
  EXPECT_EQ(RefinedCause(Growing("app.Order", 0.9), t), Verdict::kPythonObject);
  EXPECT_EQ(RefinedCause(Growing("app.Order", 0.3), t), Verdict::kMixed);
}

TEST(RefinedCause, IsUnreachableWhereNothingCollectsWhatMayBeInCycles) {
  const CauseThresholds t;
  Incident i = Growing("psycopg2.extras.DictCursor", 0.9);
  i.collector_problem = kOff;
  EXPECT_EQ(RefinedCause(i, t), Verdict::kUnreachable);
  // Strings are in no cycle: the collector would not free them either.
  i.types[0].type = "str";
  EXPECT_EQ(RefinedCause(i, t), Verdict::kPythonObject);
  i.types.clear();
  EXPECT_EQ(RefinedCause(i, t), Verdict::kPythonObject);
}

TEST(RefinedCause, ThePageSaysWhyItStaysAndWhatWasNotLookedAt) {
  Incident i = Growing("psycopg2.extras.DictCursor", 0.9);
  i.collector_problem = kOff;
  i.cause = RefinedCause(i, {});
  EXPECT_THAT(WritePage(i, "http://c").what,
              HasSubstr("garbage that is not collected: the collector is off "
                        "(gc.disable() or gc.set_threshold(0)), so cycles of "
                        "it stay (whether something else holds it was not "
                        "followed)"));
}

// Incident 3: until references are followed, objects of a module in C are not
// said to be alive.
TEST(RefinedCause, ObjectsOfAModuleInCMayBeLostReferences) {
  Incident i = Growing("multidict._multidict.CIMultiDict", 0.9);
  EXPECT_EQ(ExtensionModule(i), "multidict._multidict");
  i.cause = RefinedCause(i, {});
  EXPECT_EQ(i.cause, Verdict::kMixed);
  EXPECT_THAT(WritePage(i, "http://c").what,
              HasSubstr("made in C by multidict._multidict, whether anything "
                        "refers to them was not followed"));
  for (const char* type : {"app.Order", "app.models._Row", "_io.BytesIO", "str",
                           "__main__.Thing", "app._private", "a.__x.Y"}) {
    i.types[0].type = type;
    EXPECT_EQ(ExtensionModule(i), "") << type;
  }
}

// A text parser whose fields got longer: .93 of the growth were pools that held
// nothing else, and as some strings rose steadily it paged as "mixed".
TEST(RefinedCause, WhatIsSurelyFreeIsNoLeakToTheImminentRule) {
  Incident i;
  i.rule = "imminent";
  i.shares.python = 0.08;
  i.shares.native = -0.01;
  i.shares.free = 0.93;
  i.shares.free_ci = {{0.92, 0.94}};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kFragmentation);
  EXPECT_FALSE(IsAcuteLeak(i, {}));
  i.shares.free_ci = {{0.4, 1.0}};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kMixed);
  EXPECT_TRUE(IsAcuteLeak(i, {}));
  i.shares.python = 0.6;
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kPythonObject);
}

// It knew of what it calls Python's and of "mixed" only.
TEST(RefinedCause, NativeMemoryThatRisesIsNativeToTheImminentRule) {
  Incident i = Growing("numpy.ndarray", 0.05);
  i.shares = {0.05, 0.02, 0.93};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kMixed) << "in other mappings";
  i.native_bytes_per_s = {9, 8, 10};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kNative);
  i.shares = {0.4, 0.02, 0.58};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kMixed);
  i.shares = {0.6, 0.02, 0.38};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kPythonObject);
  // No totals of the allocator: by the rates alone.
  i.shares = {};
  i.bytes_per_s = {10, 9, 11};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kNative);
  i.bytes_per_s = {15, 9, 20};
  EXPECT_EQ(RefinedCause(i, {}), Verdict::kMixed);
  EXPECT_EQ(DecodeIncident(EncodeIncident(i))->native_bytes_per_s,
            i.native_bytes_per_s);
}

}  // namespace
}  // namespace plimsoll::collector
