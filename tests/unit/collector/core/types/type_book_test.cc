#include "collector/core/types/type_book.h"

#include <gtest/gtest.h>

#include "tests/unit/collector/core/fakes.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kTick = 300 * kSecond;
constexpr double kLimit = 1024 * kMiB;
const WorkloadName kShop{"c", "n", "Deployment", "shop"};

class TypeBookTest : public ::testing::Test {
 protected:
  void AddProcess(ProcessKey key, int64_t from_ns, int64_t to_ns) {
    ProcessInfo info;
    info.key = key;
    info.workload = kShop;
    info.pod = "shop-" + std::to_string(key);
    info.version = "v" + std::to_string(key);
    info.start_unix_ns = from_ns;
    info.last_seen_ns = to_ns;
    fleet_.processes[key] = info;
    for (int64_t at = from_ns; at < to_ns; at += 60 * kSecond) {
      fleet_.Put(key, {metric::kAnon, ""}, at, 300 * kMiB);
      fleet_.Put(key, {metric::kCgroupLimit, ""}, at, kLimit);
    }
  }
  // A census each two minutes.
  void AddType(ProcessKey key, const std::string& type, double mib,
               double mib_per_h) {
    const ProcessInfo& info = fleet_.processes.at(key);
    for (int64_t at = info.start_unix_ns; at < info.last_seen_ns;
         at += 120 * kSecond) {
      const double hours = static_cast<double>(at - info.start_unix_ns) / kHour;
      fleet_.Put(key, {metric::kTypeBytes, type}, at,
                 (mib + mib_per_h * hours) * kMiB);
    }
  }
  // Ticks up to a time; live are those that were seen at it.
  void Look(int64_t to_ns) {
    for (; now_ <= to_ns; now_ += kTick) {
      const FakeFleet seen = SeenBy(now_);
      ASSERT_TRUE(lives_.Update(seen, now_).ok());
      ASSERT_TRUE(types_.Update(seen, lives_.workloads(), kLimit, now_).ok());
    }
  }
  FakeFleet SeenBy(int64_t now) const {
    FakeFleet seen = fleet_;
    for (auto& [key, info] : seen.processes) {
      info.last_seen_ns = std::min(info.last_seen_ns, now);
    }
    std::erase_if(seen.processes, [now](const auto& item) {
      return item.second.start_unix_ns > now;
    });
    for (auto& [name, samples] : seen.series) {
      std::erase_if(samples,
                    [now](const Sample& s) { return s.time_ns > now; });
    }
    return seen;
  }
  const TypeLives* Find(const std::string& type) const {
    for (const TypeLives& t : types_.Of(kShop)) {
      if (t.type == type) return &t;
    }
    return nullptr;
  }

  FakeFleet fleet_;
  LifeBook lives_;
  TypeBook types_;
  int64_t now_ = kStartNs + kTick;
};

TEST_F(TypeBookTest, OnlyWhatRisesIsFollowedAndFromItsFirstCensus) {
  AddProcess(1, kStartNs, kStartNs + 3 * kHour);
  AddType(1, "app.Order", 1, 4);
  AddType(1, "dict", 80, 0);
  AddType(1, "str", 50, 0.2);  // less than .05 % of the limit in three hours
  Look(kStartNs + 2 * kHour);
  ASSERT_EQ(types_.Of(kShop).size(), 1U);
  const TypeLives* order = Find("app.Order");
  ASSERT_NE(order, nullptr);
  ASSERT_EQ(order->lives.size(), 1U);
  const WorkloadLife& life = order->lives[0];
  EXPECT_EQ(life.start_ns, kStartNs);
  EXPECT_EQ(life.version, "v1");
  ASSERT_GE(life.blocks.size(), 22U);
  EXPECT_EQ(life.blocks.front().time_ns, kStartNs);
  EXPECT_NEAR(life.blocks.back().floor, 9 * kMiB, kMiB);
  EXPECT_EQ(types_.screened(), 3U);
}

TEST_F(TypeBookTest, ItIsReadOfEachLifeAlsoOfThoseThatAreOver) {
  AddProcess(1, kStartNs, kStartNs + 2 * kHour);
  AddType(1, "app.Order", 5, 0);
  AddProcess(2, kStartNs + 2 * kHour, kStartNs + 5 * kHour);
  AddType(2, "app.Order", 5, 6);
  Look(kStartNs + 4 * kHour);
  const TypeLives* order = Find("app.Order");
  ASSERT_NE(order, nullptr);
  const WorkloadLives& all = lives_.workloads().at(kShop);
  ASSERT_EQ(order->lives.size(), all.lives.size());
  for (size_t i = 0; i < all.known.size(); ++i) {
    const double hours = all.known[i].info.key == 1 ? 0 : 2;
    ASSERT_FALSE(order->lives[i].blocks.empty()) << i;
    EXPECT_EQ(order->lives[i].version, all.lives[i].version);
    EXPECT_NEAR(order->lives[i].blocks.back().floor, (5 + 6 * hours) * kMiB,
                kMiB)
        << i;
  }
}

TEST_F(TypeBookTest, LivesStayWithTheirProcessesWhenOthersAreForgotten) {
  AddProcess(1, kStartNs, kStartNs + kHour);
  AddType(1, "app.Order", 90, 0);
  AddProcess(2, kStartNs, kStartNs + 52 * kHour);
  AddType(2, "app.Order", 1, 1);
  Look(kStartNs + 51 * kHour);
  ASSERT_EQ(lives_.workloads().at(kShop).known.size(), 1U);
  const TypeLives* order = Find("app.Order");
  ASSERT_NE(order, nullptr);
  ASSERT_EQ(order->lives.size(), 1U);
  EXPECT_NEAR(order->lives[0].blocks.back().floor, 52 * kMiB, kMiB);
}

TEST_F(TypeBookTest, WhatHasStoppedGivesUpItsPlace) {
  AddProcess(1, kStartNs, kStartNs + 20 * kHour);
  AddType(1, "app.Order", 1, 4);
  for (auto& s : fleet_.series.at({1, {metric::kTypeBytes, "app.Order"}})) {
    s.value = std::min(s.value, 9 * kMiB);
  }
  Look(kStartNs + 2 * kHour);
  EXPECT_NE(Find("app.Order"), nullptr);
  Look(kStartNs + 16 * kHour);
  EXPECT_EQ(Find("app.Order"), nullptr);
}

TEST_F(TypeBookTest, OfManyThatRiseTheFastestAndClassesAreFollowed) {
  AddProcess(1, kStartNs, kStartNs + 3 * kHour);
  for (int i = 0; i < 20; ++i) {
    AddType(1, "builtin" + std::to_string(i), 1, 3 + 0.1 * i);
  }
  AddType(1, "app.Order", 1, 1);
  Look(kStartNs + 2 * kHour);
  EXPECT_EQ(types_.Of(kShop).size(), TypeBook::kMostTypes);
  EXPECT_NE(Find("app.Order"), nullptr);
  EXPECT_NE(Find("builtin19"), nullptr);
  EXPECT_EQ(Find("builtin0"), nullptr);
}

TEST_F(TypeBookTest, TheReadersErrorIsTold) {
  AddProcess(1, kStartNs, kStartNs + 3 * kHour);
  AddType(1, "app.Order", 1, 4);
  Look(kStartNs + kHour);
  FakeFleet broken = fleet_;
  broken.fail = absl::UnavailableError("no store");
  EXPECT_FALSE(
      types_.Update(broken, lives_.workloads(), kLimit, now_ + kHour).ok());
}

}  // namespace
}  // namespace plimsoll::collector
