#include "collector/core/growth/judgement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr double kLimit = 1024 * kMiB;
const JudgementInput kLimited{{}, kLimit, {}};

enum class Kind { kFlat, kLeak, kLeakOnSaw, kSaw, kStep, kFilled, kDiurnal };

// Each half minute for `hours`, in a life that began before.
std::vector<Sample> Make(Kind kind, double percent_per_h, double hours,
                         uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Sample> out;
  double walk = 0;
  for (int i = 0; i < static_cast<int>(hours * 120); ++i) {
    const double h = i / 120.0;
    walk = 0.9 * walk + 0.3 * normal(random);
    double mib = 300 + walk + 0.5 * normal(random);
    const double leak = percent_per_h / 100 * 1024 * h;
    const double tooth = 60 * std::fmod(h * 6, 1.0);
    if (kind == Kind::kLeak) mib += leak;
    if (kind == Kind::kSaw) mib += tooth;
    if (kind == Kind::kLeakOnSaw) mib += leak + tooth;
    if (kind == Kind::kStep && h > hours / 2) mib += 80;
    if (kind == Kind::kFilled) mib += 200 * (1 - std::exp(-h / (hours / 10)));
    if (kind == Kind::kDiurnal) mib += 40 * std::sin(6.2832 * h / 24);
    out.push_back({kStartNs + i * 30 * kSecond, mib * kMiB});
  }
  return out;
}

struct Row {
  const char* name;
  Kind kind;
  double percent_per_h;
  double hours;
  double least_page, most_page;  // share of the seeds, two windows in a row
  double least_held = 0;         // of the interval, where there is a leak
};

class Judgement : public ::testing::TestWithParam<Row> {};

TEST_P(Judgement, TwoWindowsInARow) {
  const Row& row = GetParam();
  constexpr int kSeeds = 25;  // a hundred gave the same table
  int pages = 0, tickets = 0, held = 0, judged = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const auto samples = Make(row.kind, row.percent_per_h, row.hours,
                              static_cast<uint64_t>(seed));
    Confirmations confirmations{JudgementThresholds{}};
    bool page = false, ticket = false;
    for (double h = 0.25; h <= row.hours; h += 0.25) {
      const int64_t now = kStartNs + static_cast<int64_t>(h * 3600) * kSecond;
      std::vector<Sample> so_far;
      for (const Sample& s : samples) {
        if (s.time_ns <= now) so_far.push_back(s);
      }
      const ProcessJudgement j =
          JudgeProcess(so_far, kLimited, JudgementThresholds{}, now);
      const bool stands = confirmations.Add(1, j, now);
      page = page || (stands && j.page);
      ticket = ticket || stands;
      if (j.grows && row.percent_per_h > 0) {
        const double truth = row.percent_per_h / 100 * kLimit / 3600;
        ++judged;
        held += j.bytes_per_s.lo <= truth && truth <= j.bytes_per_s.hi;
      }
    }
    pages += page;
    tickets += ticket;
  }
  std::printf("%-26s paged %5.1f %%  ticket or page %5.1f %%", row.name,
              100.0 * pages / kSeeds, 100.0 * tickets / kSeeds);
  if (judged > 0) {
    std::printf("  CI holds %5.1f %%", 100.0 * held / judged);
  }
  std::printf("\n");
  EXPECT_GE(pages, row.least_page * kSeeds);
  EXPECT_LE(pages, row.most_page * kSeeds);
  EXPECT_GE(held, row.least_held * judged);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Judgement,
    ::testing::Values(
        Row{"leak 20 %/h, 3 h", Kind::kLeak, 20, 3, 1, 1, .9},
        Row{"leak 5 %/h, 8 h", Kind::kLeak, 5, 8, .95, 1, .9},
        Row{"leak 20 %/h on a saw, 3 h", Kind::kLeakOnSaw, 20, 3, .9, 1, .8},
        Row{"flat, 8 h", Kind::kFlat, 0, 8, 0, .01},
        Row{"saw, 8 h", Kind::kSaw, 0, 8, 0, .02},
        Row{"step, 8 h", Kind::kStep, 0, 8, 0, .05},
        Row{"cache filled in 1 h, 6 h", Kind::kFilled, 0, 6, 0, 1},
        Row{"diurnal, 24 h", Kind::kDiurnal, 0, 24, 0, .05}));

// A small program in a small cgroup: less than one of CPython's arenas in hours
// is where in them its blocks lie (docs/measurement/recordings.md).
// Of the same growth four times as much is a leak.
TEST(JudgeProcess, GrowthByLessThanAnArenaIsNoTicket) {
  const auto judge = [](double kib_per_h) {
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    std::vector<Sample> anon;
    for (int i = 0; i < 10 * 120; ++i) {
      const double kib = 15 * 1024 + kib_per_h * i / 120.0 + normal(random);
      anon.push_back({kStartNs + i * 30 * kSecond, kib * 1024});
    }
    const JudgementInput input{{}, 32 * kMiB, {}};
    return JudgeProcess(anon, input, JudgementThresholds{},
                        anon.back().time_ns);
  };
  const ProcessJudgement little = judge(60);
  EXPECT_GT(little.bytes_per_s.value * 3600, 50 * 1024);
  EXPECT_FALSE(little.ticket);
  EXPECT_EQ(little.why_not, "under the effect floor");
  EXPECT_TRUE(judge(240).ticket) << judge(240).why_not;
}

TEST(JudgeProcess, TheTimeIsToThePeakAndARange) {
  const auto samples = Make(Kind::kLeakOnSaw, 20, 2, 1);
  const JudgementInput input{samples.back().value, kLimit, {}};
  const int64_t now = samples.back().time_ns;
  const ProcessJudgement j =
      JudgeProcess(samples, input, JudgementThresholds{}, now);
  ASSERT_TRUE(j.page) << j.why_not;
  ASSERT_TRUE(j.time_to_limit.has_value());
  const double floor_time =
      (kLimit - samples.back().value) / j.bytes_per_s.value;
  EXPECT_LT(j.time_to_limit->lo_s, floor_time);
  EXPECT_LT(j.time_to_limit->lo_s, j.time_to_limit->hi_s);
}

TEST(JudgeProcess, SaysWhyNot) {
  const JudgementThresholds t;
  EXPECT_EQ(JudgeProcess({}, {}, t, kStartNs).why_not, "no samples");
  const auto flat = Make(Kind::kFlat, 0, 1, 3);
  EXPECT_FALSE(
      JudgeProcess(flat, kLimited, t, flat.back().time_ns).why_not.empty());
}

// Of trends that are as weak as their noise a few are significant and may be
// none all the same.
TEST(JudgeProcess, WhatMayBeNoGrowthIsNotCalledGrowth) {
  int grows = 0;
  for (const double noise_mib : {3.0, 8.0}) {
    for (uint64_t seed = 1; seed <= 50; ++seed) {
      std::mt19937_64 random(seed);
      std::normal_distribution<double> normal;
      std::vector<Sample> samples;
      double walk = 0;
      for (int i = 0; i < 8 * 120; ++i) {
        walk = 0.9 * walk + 0.3 * noise_mib * normal(random);
        const double mib = 300 + walk + 0.5 * noise_mib * normal(random) +
                           0.001 * 1024 * i / 120;
        samples.push_back({kStartNs + i * 30 * kSecond, mib * kMiB});
      }
      const ProcessJudgement j = JudgeProcess(
          samples, kLimited, JudgementThresholds{}, samples.back().time_ns);
      if (!j.grows) continue;
      ++grows;
      EXPECT_GT(j.bytes_per_s.lo, 0) << noise_mib << " seed " << seed;
    }
  }
  EXPECT_GT(grows, 20) << "too few to tell";
}

TEST(JudgeProcess, WithoutALimitTheNodesMemoryIsWhatIsLeft) {
  const auto samples = Make(Kind::kLeak, 20, 3, 1);
  const auto left = [&](double bytes) {
    return JudgeProcess(samples, {{}, {}, bytes}, JudgementThresholds{},
                        samples.back().time_ns);
  };
  EXPECT_TRUE(left(50 * kMiB).page);
  ASSERT_TRUE(left(50 * kMiB).time_to_limit.has_value());
  EXPECT_GT(left(100 * kMiB).time_to_limit->lo_s,
            left(50 * kMiB).time_to_limit->lo_s);
  EXPECT_FALSE(left(1e15).page) << "far off";
}

TEST(JudgeProcess, WithoutALimitAndTheNodesMemoryItNeverPages) {
  const auto samples = Make(Kind::kLeak, 20, 8, 1);
  const auto j =
      JudgeProcess(samples, {}, JudgementThresholds{}, samples.back().time_ns);
  EXPECT_TRUE(j.grows);
  EXPECT_FALSE(j.page);
}

// Traffic reached it late in its life: had it always grown like this, it would
// be far above where it is.
TEST(JudgeProcess, ALeakThatBeganLateIsToldWhileThereIsTime) {
  constexpr double kDay = 86400;
  LifeLog log;
  log.Add(Make(Kind::kLeak, 5, 8, 1));
  WorkloadLife life;
  life.start_ns = log.first_ns() - static_cast<int64_t>(10 * kDay) * kSecond;
  log.MoveTo(life.blocks);
  life.survived_peak = log.survived_peak();
  const auto at = [&life](double hours) {
    const int64_t now = life.blocks.front().time_ns +
                        static_cast<int64_t>(hours * 3600) * kSecond;
    WorkloadLife so_far = life;
    std::erase_if(so_far.blocks,
                  [now](const MemoryBlock& b) { return b.time_ns > now; });
    return JudgeLife({so_far}, 0, kLimited, JudgementThresholds{}, now);
  };
  EXPECT_EQ(at(4).why_not, "it does not go with age");
  EXPECT_FALSE(at(4).grows);
  EXPECT_TRUE(at(7.5).ticket) << at(7.5).why_not;
}

TEST(Confirmations, AskForTheirTimeAndStartOver) {
  Confirmations c{JudgementThresholds{}};
  ProcessJudgement page;
  page.page = page.grows = true;
  page.confirm_s = 600;
  EXPECT_FALSE(c.Add(1, page, 100 * kSecond));
  EXPECT_FALSE(c.Add(1, page, 400 * kSecond));
  EXPECT_FALSE(c.Add(1, ProcessJudgement{}, 700 * kSecond)) << "starts over";
  EXPECT_FALSE(c.Add(1, page, 1000 * kSecond));
  EXPECT_TRUE(c.Add(1, page, 1600 * kSecond));
  // What has stood is not dropped for one look that misses.
  EXPECT_TRUE(c.Add(1, ProcessJudgement{}, 1900 * kSecond));
  EXPECT_FALSE(c.Add(1, ProcessJudgement{}, 5300 * kSecond));
  EXPECT_FALSE(c.Add(1, page, 5600 * kSecond));
}

TEST(CauseOf, NamesOneOrSaysMixed) {
  const CauseThresholds t;
  EXPECT_EQ(CauseOf({}, t), Verdict::kLeak);
  EXPECT_EQ(CauseOf({0.9, 0.0, 0.1}, t), Verdict::kPythonObject);
  EXPECT_EQ(CauseOf({0.1, 0.0, 0.9}, t), Verdict::kNative);
  EXPECT_EQ(CauseOf({0.1, 0.8, 0.1}, t), Verdict::kFragmentation);
  EXPECT_EQ(CauseOf({0.5, 0.0, 0.5}, t), Verdict::kMixed);
}

}  // namespace
}  // namespace plimsoll::collector
