#include "collector/core/growth/judge_types.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr double kLimitMib = 1024;
const JudgementInput kLimited{{}, kLimitMib* kMiB, {}};
using Path = std::function<double(double)>;  // MiB by hours

WorkloadLife LifeOf(const Path& mib, double hours, int every_s,
                    double noise_mib, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  LifeLog log;
  std::vector<Sample> samples;
  for (int s = 0; s < static_cast<int>(hours * 3600); s += every_s) {
    samples.push_back({kStartNs + s * kSecond,
                       (mib(s / 3600.0) + noise_mib * normal(random)) * kMiB});
  }
  log.Add(samples);
  WorkloadLife life;
  log.MoveTo(life.blocks);
  life.survived_peak = log.survived_peak();
  return life;
}

// One process, of which memory says nothing: it swings by a tenth of the limit.
class JudgeTypes : public ::testing::Test {
 protected:
  JudgeTypes() {
    memory_.push_back(
        LifeOf([](double h) { return 400 + 100 * std::sin(4 * h); }, kHours, 30,
               5, 1));
    SetAge(86400);
  }
  void Add(const std::string& type, const Path& mib, double noise_mib = 0) {
    TypeLives t;
    t.type = type;
    t.lives.push_back(LifeOf(mib, kHours, 120, noise_mib, types_.size() + 2));
    t.lives[0].start_ns = memory_[0].start_ns;
    types_.push_back(std::move(t));
  }
  // How old it was when it was first seen.
  void SetAge(int64_t s) {
    memory_[0].start_ns = kStartNs - s * kSecond;
    for (TypeLives& t : types_) t.lives[0].start_ns = memory_[0].start_ns;
  }
  JudgedByType Judge() const {
    return JudgeLifeByTypes(types_, memory_, 0, kLimited,
                            OfOneType(JudgementThresholds{}), kNow);
  }
  // What is judged of the last one by its own rules.
  std::string WhyNot() const {
    const JudgementThresholds by_type = OfOneType(JudgementThresholds{});
    return JudgeSeries(
               {types_.back().lives, 0, kLimited, by_type, kNow, &memory_},
               Depth::kInFull)
        .why_not;
  }

  static constexpr double kHours = 8;
  static constexpr int64_t kNow =
      kStartNs + static_cast<int64_t>(kHours * 3600) * kSecond;
  std::vector<WorkloadLife> memory_;
  std::vector<TypeLives> types_;
};

// .2 % of the limit per hour.
double Slow(double h) { return 3 + 0.002 * kLimitMib * (h + 24); }

TEST_F(JudgeTypes, ALeakThatTheMemoryHidesIsToldByItsType) {
  const JudgementThresholds thresholds;
  const JudgedLife by_memory{memory_, 0, kLimited, thresholds, kNow};
  const ProcessJudgement memory = JudgeSeries(by_memory, Depth::kInFull);
  ASSERT_FALSE(memory.page || memory.ticket);
  Add(
      "dict", [](double) { return 80.0; }, 1);
  Add("app.Order", Slow);
  const JudgedByType judged = Judge();
  ASSERT_NE(judged.type, nullptr) << WhyNot();
  EXPECT_EQ(judged.type->type, "app.Order");
  EXPECT_EQ(judged.judgement.by_type, "app.Order");
  EXPECT_TRUE(judged.judgement.ticket && judged.judgement.grows);
  const double truth = 0.002 * kLimitMib * kMiB / 3600;
  EXPECT_NEAR(judged.judgement.bytes_per_s.value, truth, 0.05 * truth);
  EXPECT_EQ(judged.zs.size(), 2U);
}

TEST_F(JudgeTypes, OfTwoTheFasterIsNamed) {
  Add("app.Order", Slow);
  Add("app.Line", [](double h) { return 2 * Slow(h); });
  ASSERT_NE(Judge().type, nullptr);
  EXPECT_EQ(Judge().type->type, "app.Line");
}

TEST_F(JudgeTypes, ItIsNeverAPage) {
  // The limit is met in three hours.
  Add("app.Order", [](double h) { return 50 * (h + 1); });
  const JudgedByType judged = Judge();
  ASSERT_NE(judged.type, nullptr) << WhyNot();
  EXPECT_TRUE(judged.judgement.ticket);
  EXPECT_FALSE(judged.judgement.page);
}

TEST_F(JudgeTypes, WhatIsLeftIsLeftAboveTheMemory) {
  Add("app.Order", Slow);
  const JudgedByType judged = Judge();
  ASSERT_NE(judged.type, nullptr);
  ASSERT_TRUE(judged.judgement.time_to_limit);
  const double room = (kLimitMib - memory_[0].blocks.back().floor / kMiB);
  EXPECT_LT(judged.judgement.time_to_limit->lo_s,
            room / (0.002 * kLimitMib) * 3600);
}

TEST_F(JudgeTypes, WhatMayFillAYoungProcessIsNone) {
  Add("app.Entry", [](double h) { return 5 + 10 * (h + 24); });
  ASSERT_NE(Judge().type, nullptr) << WhyNot();
  SetAge(-3 * 3600);  // five hours
  EXPECT_EQ(Judge().type, nullptr);
  EXPECT_EQ(WhyNot(), "young: it may be filling");
}

TEST_F(JudgeTypes, AFillThatGetsSlowerIsNone) {
  Add("app.Entry", [](double h) { return 100 * (1 - std::exp(-h / 2)); });
  EXPECT_EQ(Judge().type, nullptr);
}

TEST_F(JudgeTypes, AStepIsNone) {
  Add(
      "app.Row", [](double h) { return h < 4 ? 20.0 : 60.0; }, 0.5);
  EXPECT_EQ(Judge().type, nullptr);
}

TEST_F(JudgeTypes, GarbageThatIsCollectedIsNone) {
  Add("app.Node", [](double h) { return 10 + 40 * std::fmod(h * 3, 1.0); });
  EXPECT_EQ(Judge().type, nullptr);
}

TEST_F(JudgeTypes, WhatCreepsUnderTheFloorIsNone) {
  Add("str", [](double h) { return 5 + 0.0003 * kLimitMib * h; });
  EXPECT_EQ(Judge().type, nullptr);
  EXPECT_EQ(WhyNot(), "under the effect floor");
}

TEST_F(JudgeTypes, OneThatNoCensusNamesAnyMoreIsNone) {
  Add("app.Order", Slow);
  ASSERT_NE(Judge().type, nullptr);
  auto& blocks = types_[0].lives[0].blocks;
  blocks.resize(blocks.size() - 10);
  EXPECT_EQ(Judge().type, nullptr);
  EXPECT_TRUE(Judge().zs.empty());
}

TEST_F(JudgeTypes, OlderSiblingsThatStoppedSpeakAgainstIt) {
  Add("app.Entry", [](double h) { return 5 + 30 * h; });
  const auto full = [](double h) { return 200 + 30 * std::min(h, 1.0); };
  types_[0].lives.push_back(LifeOf(full, kHours, 120, 0, 9));
  memory_.push_back(memory_[0]);
  SetAge(-3 * 3600);
  memory_[1].start_ns = types_[0].lives[1].start_ns = kStartNs;
  EXPECT_EQ(Judge().type, nullptr);
  EXPECT_EQ(WhyNot(), "older siblings stopped growing");
}

TEST(WhatATypeOwns, IsUpToAllGrowthOfTheMemory) {
  MeasuredGrowth type{{10, 8, 12}, {}, false, ""};
  AddWhatItOwns({{40, -5, 90}, {}, true, ""}, type);
  EXPECT_EQ(type.bytes_per_s.lo, 8);
  EXPECT_EQ(type.bytes_per_s.value, 40);
  EXPECT_EQ(type.bytes_per_s.hi, 90);
  EXPECT_FALSE(type.may_be_none);
  // Memory that falls meanwhile takes nothing off.
  AddWhatItOwns({{-30, -60, -1}, {}, true, ""}, type);
  EXPECT_EQ(type.bytes_per_s.value, 40);
}

}  // namespace
}  // namespace plimsoll::collector
