// What a judgement becomes where a version grows over those before it, and by
// which of its series.
#include "collector/core/growth/judge_over_version.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace plimsoll::collector {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kLimit = 1000 * kMiB;
constexpr double kDeploy_h = 6, kNow_h = 7;

int64_t Ns(double hours) {
  return 1'700'000'000'000'000'000 + static_cast<int64_t>(hours * 3.6e12);
}

class JudgeOverVersionTest : public ::testing::Test {
 protected:
  // Two pods of each version; memory and what of it is in use grow by so much
  // an hour in the new one.
  void Deploy(double anon_mib_per_h, double used_mib_per_h) {
    for (int i = 0; i < 2; ++i) {
      const double at = kDeploy_h + 0.05 * i;
      Add("1", 0, at, 0, 0);
      Add("2", at, kNow_h, anon_mib_per_h, used_mib_per_h);
    }
  }

  std::vector<ProcessJudgement> Judge() {
    JudgementInput input;
    input.limit_bytes = kLimit;
    std::vector<ProcessJudgement> judgements(lives_.lives.size(), before_);
    std::vector<StandsBeside> alive;
    for (size_t i = 0; i < judgements.size(); ++i) {
      if (lives_.known[i].alive) alive.push_back({i, &input, &judgements[i]});
    }
    JudgeOverVersion(lives_, alive, {}, Ns(kNow_h));
    return judgements;
  }

  // The bytes of one type in the lives that Deploy made, all of them from 5 MiB
  // on; in the new version's they grow.
  std::vector<ProcessJudgement> JudgeByType(double mib_per_h) {
    TypeLives type;
    type.type = "app.Order";
    for (const WorkloadLife& life : lives_.lives) {
      WorkloadLife& one = type.lives.emplace_back(life);
      for (MemoryBlock& b : one.blocks) {
        const double h =
            static_cast<double>(b.time_ns - life.start_ns) / 3.6e12;
        b.floor = (5 + (life.version == "2" ? mib_per_h * h : 0)) * kMiB;
        b.peak = b.floor;
      }
    }
    JudgementInput input;
    input.limit_bytes = kLimit;
    std::vector<ProcessJudgement> judgements(lives_.lives.size(), before_);
    std::vector<StandsBeside> alive;
    for (size_t i = 0; i < judgements.size(); ++i) {
      if (lives_.known[i].alive) alive.push_back({i, &input, &judgements[i]});
    }
    const JudgementThresholds thresholds;
    JudgeTypeOverVersion(lives_, type, alive, thresholds, Ns(kNow_h));
    return judgements;
  }

  WorkloadLives lives_;
  ProcessJudgement before_;

 private:
  void Add(const std::string& version, double from_h, double to_h,
           double anon_mib_per_h, double used_mib_per_h) {
    std::normal_distribution<double> normal;
    KnownLife known;
    known.info.pod = "pod-" + std::to_string(lives_.known.size());
    known.alive = to_h == kNow_h;
    WorkloadLife anon, used;
    for (WorkloadLife* life : {&anon, &used}) {
      life->start_ns = Ns(from_h);
      life->version = version;
    }
    for (double h = from_h + 0.01; h < to_h; h += 1. / 12) {
      const double noise = 2 * normal(random_);
      const auto block = [&](double mib) {
        return MemoryBlock{Ns(h), (mib + noise) * kMiB, (mib + noise) * kMiB,
                           0};
      };
      anon.blocks.push_back(block(200 + anon_mib_per_h * (h - from_h)));
      used.blocks.push_back(block(180 + used_mib_per_h * (h - from_h)));
    }
    lives_.known.push_back(std::move(known));
    lives_.lives.push_back(std::move(anon));
    lives_.used.push_back(std::move(used));
  }

  std::mt19937_64 random_{3};
};

TEST_F(JudgeOverVersionTest, IsATicketWithARateAndATime) {
  Deploy(50, 50);
  const auto judged = Judge();
  for (const size_t i : {1, 3}) {
    EXPECT_TRUE(judged[i].ticket);
    EXPECT_TRUE(judged[i].grows);
    EXPECT_FALSE(judged[i].page) << "fifteen hours are left";
    EXPECT_TRUE(judged[i].by_used);
    EXPECT_LT(judged[i].bytes_per_s.lo, 50 * kMiB / 3600);
    EXPECT_GT(judged[i].bytes_per_s.hi, 50 * kMiB / 3600);
    EXPECT_GT(judged[i].confirm_s, 0);
    ASSERT_TRUE(judged[i].time_to_limit.has_value());
    EXPECT_LT(judged[i].time_to_limit->lo_s, 15 * 3600);
    EXPECT_GT(judged[i].time_to_limit->hi_s, 15 * 3600);
  }
  EXPECT_FALSE(judged[0].ticket || judged[2].ticket);
}

TEST_F(JudgeOverVersionTest, IsAPageWhereTheLimitIsNear) {
  Deploy(300, 300);
  const auto judged = Judge();
  EXPECT_TRUE(judged[1].page && judged[3].page);
}

// What allocators keep is no leak.
TEST_F(JudgeOverVersionTest, IsNoneWhereTheBytesInUseDoNotGrow) {
  Deploy(50, 0);
  for (const ProcessJudgement& j : Judge()) EXPECT_FALSE(j.ticket || j.page);
}

TEST_F(JudgeOverVersionTest, IsByTheMemoryWhereThereAreNoCensuses) {
  Deploy(50, 50);
  for (WorkloadLife& life : lives_.used) life.blocks.clear();
  const auto judged = Judge();
  EXPECT_TRUE(judged[1].ticket && judged[3].ticket);
  EXPECT_FALSE(judged[1].by_used);
}

// The bytes in use of a version that had no censuses are not those of no leak.
TEST_F(JudgeOverVersionTest, IsNoneWhereOnlyTheNewVersionHasCensuses) {
  Deploy(50, 50);
  for (const size_t i : {0, 2}) lives_.used[i].blocks.clear();
  for (const ProcessJudgement& j : Judge()) EXPECT_FALSE(j.ticket || j.page);
}

TEST_F(JudgeOverVersionTest, LeavesWhatIsATicketAlready) {
  Deploy(50, 50);
  before_.ticket = true;
  before_.window_s = 6 * 3600;
  for (const ProcessJudgement& j : Judge()) {
    EXPECT_EQ(j.window_s, 6 * 3600);
  }
}

TEST_F(JudgeOverVersionTest, IsNoneWithOneVersion) {
  Deploy(50, 50);
  for (auto* series : {&lives_.lives, &lives_.used}) {
    for (WorkloadLife& life : *series) life.version = "2";
  }
  for (const ProcessJudgement& j : Judge()) EXPECT_FALSE(j.ticket || j.page);
}

// Twenty MiB an hour are no more than the noise of the memory.
TEST_F(JudgeOverVersionTest, ATypeTellsWhatTheMemoryHides) {
  Deploy(0, 0);
  for (const ProcessJudgement& j : Judge()) ASSERT_FALSE(j.ticket || j.page);
  const auto judged = JudgeByType(20);
  for (const size_t i : {1, 3}) {
    EXPECT_TRUE(judged[i].ticket && judged[i].grows);
    EXPECT_EQ(judged[i].by_type, "app.Order");
    EXPECT_NEAR(judged[i].bytes_per_s.value, 20 * kMiB / 3600, 100);
  }
  EXPECT_FALSE(judged[0].ticket || judged[2].ticket);
  for (const ProcessJudgement& j : JudgeByType(0)) EXPECT_FALSE(j.ticket);
}

TEST_F(JudgeOverVersionTest, ATypeIsNeverAPage) {
  Deploy(0, 0);
  const auto judged = JudgeByType(400);
  EXPECT_TRUE(judged[1].ticket);
  EXPECT_FALSE(judged[1].page);
}

TEST_F(JudgeOverVersionTest, ATypeLeavesWhatIsATicketAlready) {
  Deploy(0, 0);
  before_.ticket = true;
  EXPECT_TRUE(JudgeByType(20)[1].by_type.empty());
}

}  // namespace
}  // namespace plimsoll::collector
