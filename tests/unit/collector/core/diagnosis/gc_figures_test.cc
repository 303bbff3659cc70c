#include "collector/core/diagnosis/gc_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStartNs = 1'700'000'000 * kSecondNs;
constexpr double kWindowS = 3600;

// A process of which a census is taken each minute of an hour.
class Hour {
 public:
  std::array<double, 3> thresholds = {700, 10, 10};
  std::array<double, 3> collections = {100, 9, 1};  // at its beginning
  std::array<double, 3> per_minute = {};
  std::array<double, 3> freed = {};  // so far
  std::array<double, 3> freed_a_minute = {};
  double enabled = 1, frozen = 0, frozen_a_minute = 0;
  double long_lived = 0, pending = 0;
  int full_at_minute = -1;  // one collection of the old generation

  GcFinding Judge(double objects_per_s) const {
    FakeFleet fleet;
    for (int minute = 0; minute <= 60; ++minute) Put(fleet, minute);
    const int64_t now_ns = kStartNs + 3600 * kSecondNs;
    const auto figures = ReadGcFigures(fleet, 7, kWindowS, now_ns);
    EXPECT_TRUE(figures.ok());
    return JudgeGc(*figures, objects_per_s, kWindowS);
  }

 private:
  void Put(FakeFleet& fleet, int minute) const {
    const auto put = [&](const char* name, const std::string& label, double v) {
      fleet.Put(7, {name, label}, kStartNs + minute * 60 * kSecondNs, v);
    };
    put(metric::kGcEnabled, "", enabled);
    put(metric::kGcFrozen, "", frozen + minute * frozen_a_minute);
    put(metric::kGcLongLived, "", long_lived);
    put(metric::kGcPending, "", pending);
    for (size_t i = 0; i < 3; ++i) {
      const std::string label = std::to_string(i);
      const bool full =
          i == 2 && full_at_minute >= 0 && minute > full_at_minute;
      put(metric::kGcThreshold, label, thresholds[i]);
      put(metric::kGcCollections, label,
          collections[i] + minute * per_minute[i] + (full ? 1 : 0));
      put(metric::kGcCollected, label, freed[i] + minute * freed_a_minute[i]);
    }
  }
};

void ExpectNothing(const GcFinding& finding) {
  EXPECT_EQ(finding.problem, "");
  EXPECT_EQ(finding.doubt, "");
}

TEST(GcFigures, ACollectorThatIsOff) {
  Hour hour;
  hour.enabled = 0;
  EXPECT_THAT(hour.Judge(10).problem, HasSubstr("is off (gc.disable()"));
  EXPECT_THAT(JudgeGc({.enabled = 0}, 10, 300).problem, HasSubstr("is off"));
  ExpectNothing(JudgeGc({.enabled = 1}, 10, 300));
  ExpectNothing(JudgeGc({}, 10, 300));
}

// A service that switches it off and calls gc.collect() between its requests:
// what grows in spite of that is held.
TEST(GcFigures, ACollectorThatIsOffAndCalledByHandLeavesNothing) {
  Hour hour;
  hour.enabled = 0;
  hour.per_minute[2] = 2;
  ExpectNothing(hour.Judge(10));
  // Once, when it had started.
  hour.per_minute[2] = 0;
  hour.full_at_minute = 1;
  EXPECT_THAT(hour.Judge(10).problem, HasSubstr("is off"));
}

TEST(GcFigures, AnOldGenerationThatItsThresholdNeverReaches) {
  Hour hour;
  hour.thresholds = {700, 10, 1'000'000};
  hour.collections = {330, 30, 0};
  hour.per_minute = {11, 1, 0};
  EXPECT_EQ(hour.Judge(10).problem,
            "the collector never reaches the old generation (thresholds 700, "
            "10, 1,000,000; 90 collections of the middle one, none of it)");
  // gc.collect() before it began to serve does not hide it.
  hour.full_at_minute = 1;
  EXPECT_THAT(hour.Judge(10).problem,
              HasSubstr("58 collections of the middle"));
  hour.full_at_minute = 50;
  ExpectNothing(hour.Judge(10));
}

TEST(GcFigures, AMiddleGenerationThatItsThresholdNeverReaches) {
  Hour hour;
  hour.thresholds = {700, 1'000'000, 10};
  hour.collections = {20, 1, 0};
  hour.per_minute = {11, 0, 0};
  EXPECT_THAT(hour.Judge(10).problem,
              HasSubstr("660 collections of the youngest"));
}

// What was collected before the thresholds were set does not hide it.
TEST(GcFigures, AThresholdThatIsNeverReached) {
  Hour hour;
  hour.thresholds = {1'000'000'000, 10, 10};
  hour.collections = {20, 1, 0};
  EXPECT_THAT(hour.Judge(100).problem, HasSubstr("the collector does not start "
                                                 "(thresholds 1,000,000,000"));
  ExpectNothing(hour.Judge(10));  // what Python's own would have seen twice not
}

// Most services collect their old generation seldom.
TEST(GcFigures, AServiceThatRarelyCollectsItsOldGenerationIsNone) {
  Hour hour;
  hour.collections = {80, 8, 0};  // it is not due in the whole hour
  hour.per_minute = {0.5, 0.03, 0};
  ExpectNothing(hour.Judge(0.1));
  hour.thresholds = {700, 10, 50};  // or rarely by choice
  hour.per_minute = {5, 0.5, 0};
  ExpectNothing(hour.Judge(0.1));
  hour.thresholds = {2000, 10, 10};
  hour.per_minute = {110, 10, 0.8};
  ExpectNothing(hour.Judge(100));
}

// CPython's rule of a quarter. The heap is large, and nothing tells a leak of
// live objects from garbage but what former collections freed.
TEST(GcFigures, AnOldGenerationThatIsDueAndWaits) {
  Hour hour;
  hour.collections = {5000, 500, 20};
  hour.per_minute = {11, 1, 0};
  hour.long_lived = 1'000'000;
  hour.pending = 200'000;
  ExpectNothing(hour.Judge(10));
  hour.freed[2] = 20 * 200'000.0;
  EXPECT_EQ(hour.Judge(10).problem,
            "the old generation is due and waits until more than a quarter as "
            "many objects as the 1,000,000 that it held are new in it (200,000 "
            "are), and each collection of it freed 200,000 on average");
  hour.pending = 10'000;  // the growth is not in it
  ExpectNothing(hour.Judge(10));
  hour.pending = 250'000;  // it is collected next
  ExpectNothing(hour.Judge(10));
}

TEST(GcFigures, AnOldGenerationThatWaitsIsADoubtWhereThereIsGarbage) {
  Hour hour;
  hour.collections = {5000, 500, 3};
  hour.per_minute = {11, 1, 0};
  hour.long_lived = 1'000'000;
  hour.pending = 200'000;
  hour.freed_a_minute = {1000, 200, 0};
  EXPECT_EQ(hour.Judge(10).problem, "");
  EXPECT_THAT(hour.Judge(10).doubt, HasSubstr("is due and waits"));
  ExpectNothing(hour.Judge(30));  // more grows than garbage is made
}

TEST(GcFigures, ObjectsThatAreFrozenAsTheyGrow) {
  Hour hour;
  hour.frozen = 100'000;
  hour.frozen_a_minute = 600;
  EXPECT_EQ(hour.Judge(10).problem,
            "gc.freeze() puts objects out of the collector's sight (136,000 "
            "are, 18,000 more in 30 min)");
  ExpectNothing(hour.Judge(100));  // few of those that grow
}

// A server that freezes what it loaded before it forks its workers.
TEST(GcFigures, AHeapThatWasFrozenOnceIsADoubtOnly) {
  Hour hour;
  hour.frozen = 100'000;
  EXPECT_EQ(hour.Judge(10).problem, "");
  EXPECT_EQ(hour.Judge(10).doubt,
            "what was dropped of the 100,000 objects that gc.freeze() put out "
            "of the collector's sight");
  ExpectNothing(hour.Judge(100));  // more than could have been dropped
}

// As `plimsoll gc` read them once a minute of tests/bench/cause/programs.py on
// CPython 3.11.2: the last generation's threshold is a million, a heap that is
// frozen each two seconds, and a server that freezes once and leaks what is
// held (docs/measurement/cause.md).
struct Reading {
  std::array<double, 3> collections, collected;
  double frozen, long_lived, pending;
};

GcFinding JudgeProgram(const std::vector<Reading>& minutes,
                       double oldest_threshold, double objects_per_s) {
  FakeFleet fleet;
  int64_t at_ns = kStartNs;
  for (const Reading& r : minutes) {
    at_ns += 60 * kSecondNs;
    const auto put = [&](const char* name, size_t generation, double value) {
      fleet.Put(7, {name, std::to_string(generation)}, at_ns, value);
    };
    const double thresholds[] = {700, 10, oldest_threshold};
    for (size_t i = 0; i < 3; ++i) {
      put(metric::kGcThreshold, i, thresholds[i]);
      put(metric::kGcCollections, i, r.collections[i]);
      put(metric::kGcCollected, i, r.collected[i]);
    }
    fleet.Put(7, {metric::kGcEnabled, ""}, at_ns, 1);
    fleet.Put(7, {metric::kGcFrozen, ""}, at_ns, r.frozen);
    fleet.Put(7, {metric::kGcLongLived, ""}, at_ns, r.long_lived);
    fleet.Put(7, {metric::kGcPending, ""}, at_ns, r.pending);
  }
  const auto figures = ReadGcFigures(fleet, 7, 300, at_ns);
  EXPECT_TRUE(figures.ok());
  return JudgeGc(*figures, objects_per_s, 300);
}

TEST(GcFigures, OfRealPrograms) {
  const GcFinding old =
      JudgeProgram({{{220, 19, 0}, {43, 92, 0}, 0, 0, 137'113},
                    {{418, 37, 0}, {43, 92, 0}, 0, 0, 271'293},
                    {{615, 55, 0}, {43, 92, 0}, 0, 0, 405'469},
                    {{813, 73, 0}, {43, 92, 0}, 0, 0, 539'647}},
                   1'000'000, 500);
  EXPECT_THAT(old.problem, HasSubstr("never reaches the old generation"));
  const GcFinding frozen =
      JudgeProgram({{{234, 2, 0}, {43, 92, 0}, 140'186, 0, 11'078},
                    {{447, 2, 0}, {43, 92, 0}, 276'617, 0, 11'078},
                    {{660, 2, 0}, {43, 92, 0}, 408'647, 0, 11'078},
                    {{873, 2, 0}, {43, 92, 0}, 545'078, 0, 11'078}},
                   10, 500);
  EXPECT_THAT(frozen.problem, HasSubstr("gc.freeze() puts objects out"));
  ExpectNothing(JudgeProgram(
      {{{341, 29, 2}, {91'833, 46'372, 3'500}, 51'948, 80'295, 3'659},
       {{605, 53, 4}, {185'815, 93'657, 7'524}, 51'948, 160'253, 11'007},
       {{869, 78, 6}, {278'701, 142'946, 11'268}, 51'948, 251'335, 11'290},
       {{1134, 102, 7}, {373'779, 189'241, 14'012}, 51'948, 312'977, 37'660}},
      10, 720));
}

// Its agent is older, or its layout is not known: no thresholds.
TEST(GcFigures, WithoutThresholdsNothingIsOutOfReach) {
  FakeFleet fleet;
  for (int minute = 0; minute <= 60; ++minute) {
    const int64_t at_ns = kStartNs + minute * 60 * kSecondNs;
    fleet.Put(7, {metric::kGcEnabled, ""}, at_ns, 1);
    for (const char* label : {"0", "1", "2"}) {
      fleet.Put(7, {metric::kGcCollections, label}, at_ns,
                *label == '2' ? 0 : 1000 + minute);
      fleet.Put(7, {metric::kGcCollected, label}, at_ns, 0);
    }
  }
  const auto figures =
      ReadGcFigures(fleet, 7, kWindowS, kStartNs + 3600 * kSecondNs);
  ASSERT_TRUE(figures.ok());
  EXPECT_EQ((*figures->generations)[1].collections, 1060);
  ExpectNothing(JudgeGc(*figures, 10, kWindowS));
  fleet.fail = absl::UnavailableError("the store is busy");
  EXPECT_FALSE(ReadGcFigures(fleet, 7, kWindowS, kStartNs).ok());
}

}  // namespace
}  // namespace plimsoll::collector
