#include "collector/core/diagnosis/diagnosis_stored.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "collector/core/growth/false_discovery.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;
constexpr int kCensuses = 40, kEvery_s = 300;
constexpr int64_t kNow = kStart + kCensuses * kEvery_s * kSecond;

// 400 types whose numbers come and go, of one or more processes.
struct Noise {
  FakeFleet fleet;
  std::mt19937_64 random;
  explicit Noise(uint64_t seed) : random(seed) {}

  void Add(ProcessKey process, const std::string& type, double per_census) {
    std::normal_distribution<double> normal;
    double walk = 0;
    for (int i = 0; i < kCensuses; ++i) {
      walk = 0.5 * walk + 10 * normal(random);
      const int64_t at = kStart + i * kEvery_s * kSecond;
      const double objects = std::round(1000 + walk + per_census * i);
      fleet.Put(process, {metric::kTypeObjects, type}, at, objects);
      fleet.Put(process, {metric::kTypeBytes, type}, at, 64 * objects);
    }
  }
  void AddNoise(ProcessKey process) {
    for (int i = 0; i < 400; ++i) Add(process, "app.T" + std::to_string(i), 0);
  }
};

std::vector<std::string> Named(const FleetReader& fleet, int processes) {
  Incident incident;
  incident.window_s = kCensuses * kEvery_s;
  for (int i = 1; i <= processes; ++i) {
    AffectedProcess p;
    p.process = i;
    p.instance = "pod " + std::to_string(i);
    p.leaking = true;
    p.bytes_per_s = {10, 9, 11};
    incident.processes.push_back(p);
  }
  EXPECT_TRUE(ReadTypes(fleet, kNow, incident).ok());
  std::vector<std::string> names;
  for (const GrowingType& t : incident.types) names.push_back(t.type);
  return names;
}

TEST(ReadTypes, OfHundredsOfTypesThatComeAndGoNoneIsNamed) {
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    Noise noise(seed);
    noise.AddNoise(1);
    EXPECT_TRUE(Named(noise.fleet, 1).empty()) << "seed " << seed;
    noise.AddNoise(2);
    EXPECT_TRUE(Named(noise.fleet, 2).empty()) << "seed " << seed;
  }
}

TEST(ReadTypes, TheOneThatRisesIsNamedAmongThem) {
  for (const uint64_t seed : {1, 2, 3}) {
    Noise noise(seed);
    noise.AddNoise(1);
    noise.Add(1, "shop.Order", 5);
    EXPECT_EQ(Named(noise.fleet, 1), std::vector<std::string>{"shop.Order"})
        << "seed " << seed;
  }
}

// Most types of a process never change; they make nothing less sure.
TEST(ReadTypes, TypesThatNeverChangeAreNoTests) {
  FakeFleet fleet;
  for (int type = 0; type < 2000; ++type) {
    for (int i = 0; i < 7; ++i) {
      const int64_t at = kStart + i * kEvery_s * kSecond;
      const double objects = type == 7 ? 100 + i : 100;
      const std::string name = "app.T" + std::to_string(type);
      fleet.Put(1, {metric::kTypeObjects, name}, at, objects);
      fleet.Put(1, {metric::kTypeBytes, name}, at, 64 * objects);
    }
  }
  EXPECT_EQ(Named(fleet, 1), std::vector<std::string>{"app.T7"});
}

TEST(LeastZ, IsTheLowestThatMayStillBeClaimed) {
  // Chances of 2 %, 2 %, 2 % and a half, by 5 %: 3/4 of it is above 2 %.
  EXPECT_EQ(LeastZ({2.054, 2.054, 2.054, 0}, 0.05), 2.054);
  EXPECT_TRUE(std::isinf(LeastZ({2.054, 0, 0, 0}, 0.05)));
  EXPECT_TRUE(std::isinf(LeastZ({}, 0.05)));
  // Three of a hundred that were looked at, the others without any trend.
  EXPECT_TRUE(std::isinf(LeastZ({2.054, 2.054, 2.054}, 0.05, 100)));
  EXPECT_EQ(LeastZ({2.974, 2.974, 2.974}, 0.05, 100), 2.974);
}

}  // namespace
}  // namespace plimsoll::collector
