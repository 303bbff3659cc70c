// Agents that lie, clocks that jump: nothing false is said, nothing true lost.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/collector/core/engine_fixture.h"

namespace plimsoll::collector {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class BadInput : public EngineTest {
 protected:
  // As PlayUntil, with our own clock `set_by_s` ahead of the nodes'.
  void PlayWithClockSet(int64_t age_s, int64_t set_by_s) {
    while (now_ <= kStartNs + age_s * kSecond) {
      for (auto at = events_.begin(); at != events_.end() && at->first <= now_;
           at = events_.erase(at)) {
        fleet_.Add(at->second.first, at->second.second);
        engine_->OnSnapshot(at->second.first, at->second.second);
      }
      EXPECT_TRUE(engine_->Tick(now_ + set_by_s * kSecond).ok());
      now_ += kSecond;
    }
  }
  const Incident& TheOne() {
    incidents_ = engine_->Incidents();
    EXPECT_EQ(incidents_.size(), 1u);
    return incidents_[0];
  }
  int64_t Pages() const {
    int64_t firing = 0, resolved = 0;
    for (const Notification& n : notifier_.said) {
      (n.resolved ? resolved : firing) += 1;
    }
    return firing > 0 ? 1 + resolved : 0;
  }
  std::vector<Incident> incidents_;
};

// A figure of each kind that no process has, from a process beside a real leak.
TEST_F(BadInput, AnAgentThatLiesIsNotBelievedAndHidesNobody) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  const double lies[] = {kNaN, kInfinity, -kInfinity, -1, 0, 1e300, 5e-324};
  ProcessKey key = 10;
  for (const double lie : lies) {
    for (const double limit : {lie, 384 * kMiB}) {
      ++key;
      const ProcessInfo liar =
          Process(key, "liar-" + std::to_string(key), "eu-west-3");
      for (int age = 10; age < 600; age += 10) {
        Observation o;
        o.time_ns = kStartNs + age * kSecond;
        o.anon_bytes = age % 20 == 0 ? lie : 1e8;
        o.cgroup_usage_bytes = age % 20 == 0 ? lie : 1e8;
        o.limit_bytes = limit;
        o.node_available_bytes = lie;
        o.requests_total = lie;
        o.has_census = true;
        o.types = {{"x.Y", lie, lie}, {std::string(5000, '\xff'), 1, 1}};
        events_.emplace(o.time_ns, std::pair(liar, o));
      }
    }
  }
  PlayUntil(600);
  bool found = false;
  for (const Incident& i : engine_->Incidents()) {
    if (i.state != IncidentState::kFiring) continue;
    EXPECT_EQ(i.workload.name, "routing-api") << i.text.title;
    found = found || i.workload.name == "routing-api";
  }
  EXPECT_TRUE(found);
}

// Another agent says it has the same process, and times that run backwards.
TEST_F(BadInput, TimesThatRunBackwardsMakeNoLeak) {
  const ProcessInfo p = Process(1, "shuffled", "");
  for (int i = 0; i < 60; ++i) {
    Observation o;
    o.time_ns = kStartNs + (600 - 10 * i) * kSecond;
    o.anon_bytes = 1e8 + i * 3e6;
    o.cgroup_usage_bytes = o.anon_bytes;
    o.limit_bytes = 384 * kMiB;
    o.has_census = true;
    o.types = {{"x.Y", 1000.0 * i, 1e6 * i}};
    engine_->OnSnapshot(p, o);
    EXPECT_TRUE(engine_->Tick(kStartNs + (600 + i) * kSecond).ok());
  }
  for (const Incident& i : engine_->Incidents()) {
    EXPECT_NE(i.state, IncidentState::kFiring) << i.text.title;
  }
}

TEST_F(BadInput, OurClockSetTwoDaysAheadResolvesNothing) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(8));
  PlayUntil(420);
  ASSERT_EQ(TheOne().state, IncidentState::kFiring);
  const std::string id = TheOne().id;
  PlayWithClockSet(900, 2 * 86400);
  EXPECT_EQ(TheOne().state, IncidentState::kFiring);
  EXPECT_EQ(TheOne().id, id);
  EXPECT_EQ(engine_->counters().clock_jumps, 1);
  PlayWithClockSet(960, 0);
  EXPECT_EQ(TheOne().state, IncidentState::kFiring);
  EXPECT_EQ(engine_->counters().clock_jumps, 2);
  EXPECT_EQ(engine_->counters().incidents_fired, 1);
  EXPECT_EQ(Pages(), 1);
}

TEST_F(BadInput, OurClockSetAnHourBackStopsNoWork) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(8));
  PlayUntil(420);
  ASSERT_EQ(TheOne().state, IncidentState::kFiring);
  const PageText before = TheOne().text;
  const int64_t judged = engine_->counters().judgements;
  PlayWithClockSet(900, -3600);
  EXPECT_FALSE(TheOne().text == before) << "its words were never made anew";
  EXPECT_EQ(TheOne().state, IncidentState::kFiring);
  EXPECT_GE(engine_->counters().judgements, judged);
}

// The node's agent dies; its processes leak on.
TEST_F(BadInput, SilenceIsNotTheEndOfALeak) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(8));
  PlayUntil(420);
  ASSERT_EQ(TheOne().state, IncidentState::kFiring);
  events_.clear();
  PlayUntil(420 + 3000);
  EXPECT_EQ(TheOne().state, IncidentState::kFiring) << TheOne().resolve_reason;
  PlayUntil(420 + 3700);
  EXPECT_EQ(TheOne().state, IncidentState::kResolved);
  EXPECT_NE(TheOne().resolve_reason.find("the node's agent is silent"),
            std::string::npos);
}

}  // namespace
}  // namespace plimsoll::collector
