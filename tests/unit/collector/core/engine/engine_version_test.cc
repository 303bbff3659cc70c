// A leak that a version brought, from its deploy to the ticket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/collector/core/engine_fixture.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;

constexpr double kLimit = 1024 * kMiB;
constexpr int64_t kDeploy_s = 5 * 3600;

class VersionTest : public EngineTest {
 protected:
  // Two pods of each, deployed within two minutes; the new ones keep so much.
  void Deploy(const std::string& next, double mib_per_h) {
    for (int i = 0; i < 2; ++i) {
      const int64_t at_s = kDeploy_s + 120 * i;
      Add("1.4", 0, at_s, 0);
      Add(next, at_s, kDeploy_s + 3 * 3600, mib_per_h);
    }
  }

  // When the first incident fired, in seconds after the second pod.
  std::optional<int64_t> FiredAfter(int64_t hours) {
    while (now_ < kStartNs + (kDeploy_s + hours * 3600) * kSecond) {
      for (auto at = events_.begin(); at != events_.end() && at->first <= now_;
           at = events_.erase(at)) {
        fleet_.Add(at->second.first, at->second.second);
        engine_->OnSnapshot(at->second.first, at->second.second);
      }
      EXPECT_TRUE(engine_->Tick(now_).ok());
      for (const Incident& i : engine_->Incidents()) {
        if (i.fired_ns > 0) {
          return (i.fired_ns - kStartNs) / kSecond - kDeploy_s - 120;
        }
      }
      now_ += 30 * kSecond;
    }
    return std::nullopt;
  }

 private:
  void Add(const std::string& version, int64_t from_s, int64_t to_s,
           double mib_per_h) {
    ProcessInfo info = Process(++last_, "shop", "eu");
    info.version = version;
    info.pod = "pod-" + std::to_string(last_);
    info.start_unix_ns = kStartNs + from_s * kSecond;
    std::normal_distribution<double> normal;
    for (int64_t s = from_s + 30; s < to_s; s += 30) {
      Observation o;
      o.time_ns = kStartNs + s * kSecond;
      o.anon_bytes = (200 + mib_per_h * static_cast<double>(s - from_s) / 3600 +
                      2 * normal(random_)) *
                     kMiB;
      o.cgroup_usage_bytes = o.anon_bytes;
      o.limit_bytes = kLimit;
      o.exited = s + 30 >= to_s;
      info.exited = o.exited;
      events_.emplace(o.time_ns, std::pair(info, o));
    }
  }

  ProcessKey last_ = 0;
  std::mt19937_64 random_{1};
};

TEST_F(VersionTest, ALeakThatItBroughtIsATicketWithinAnHourOfItsSecondPod) {
  Deploy("1.5", 50);
  const auto after_s = FiredAfter(3);
  ASSERT_TRUE(after_s.has_value());
  EXPECT_LE(*after_s, 3600);
  const Incident i = engine_->Incidents().front();
  EXPECT_FALSE(i.page) << "sixteen hours are left";
  EXPECT_EQ(i.leaking_processes, 2);
  EXPECT_THAT(i.text.where, HasSubstr("began with version 1.5 at "));
  EXPECT_THAT(i.text.where, HasSubstr(": at that age 1.4 gained "));
  EXPECT_THAT(i.text.where, HasSubstr("(CI "));
}

TEST_F(VersionTest, TheSameGrowthAfterARestartIsNotToldSoEarly) {
  Deploy("1.4", 50);
  const auto after_s = FiredAfter(3);
  EXPECT_TRUE(!after_s || *after_s > 3600);
}

}  // namespace
}  // namespace plimsoll::collector
