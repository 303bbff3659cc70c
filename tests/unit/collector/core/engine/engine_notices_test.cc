// What the engine says to notifiers, over restarts and silences.
#include <gtest/gtest.h>

#include "tests/unit/collector/core/engine_fixture.h"

namespace plimsoll::collector {
namespace {

TEST_F(EngineTest, WhomAPageReachedIsKnownAfterARestart) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(15));
  PlayUntil(300);
  ASSERT_EQ(engine_->Incidents()[0].state, IncidentState::kFiring);
  const std::string id = engine_->Incidents()[0].id;
  notifier_.said.clear();
  Restart();
  ASSERT_EQ(notifier_.said.size(), 1u);
  EXPECT_TRUE(notifier_.said[0].told.empty()) << "nobody had it";
  notifier_.receipts = {{id, {"slack a", "page", now_}}};
  PlayUntil(302);
  notifier_.said.clear();
  Restart();
  ASSERT_EQ(notifier_.said.size(), 1u);
  ASSERT_EQ(notifier_.said[0].told.size(), 1u);
  EXPECT_EQ(notifier_.said[0].told[0].target, "slack a");
  EXPECT_EQ(notifier_.said[0].told[0].status, "page");
}

TEST_F(EngineTest, AnEndThatNobodyWasToldOfIsSaidAfterARestart) {
  ShapeOptions leak = Leak(25);
  const auto oom = static_cast<int64_t>(MakeLife(leak).oom_s);
  AddLife(Process(1, "routing-api", "ap-southeast-1"), leak);
  Observation last;
  last.time_ns = kStartNs + oom * kSecond;
  last.exited = true;
  events_.emplace(last.time_ns,
                  std::pair(Process(1, "routing-api", "ap-southeast-1"), last));
  PlayUntil(oom);
  const std::string id = engine_->Incidents()[0].id;
  notifier_.receipts = {{id, {"pagerduty k", "page", now_}}};
  PlayUntil(oom + 120);
  ASSERT_EQ(engine_->Incidents()[0].state, IncidentState::kResolved);
  notifier_.said.clear();
  Restart();
  ASSERT_EQ(notifier_.said.size(), 1u);
  EXPECT_TRUE(notifier_.said[0].resolved);
  notifier_.receipts = {{id, {"pagerduty k", "resolved", now_}}};
  PlayUntil(oom + 125);
  notifier_.said.clear();
  Restart();
  EXPECT_TRUE(notifier_.said.empty()) << "its end is known";
}

TEST_F(EngineTest, ASilenceIsShownOnTheIncidentAndSaid) {
  silences_.silenced = "routing-api";
  silences_.silence =
      Silence{"s1", "ana", "being fixed", kStartNs + 320 * kSecond};
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(15));
  PlayUntil(300);
  ASSERT_EQ(engine_->Incidents()[0].state, IncidentState::kFiring);
  ASSERT_TRUE(engine_->Incidents()[0].silence.has_value());
  EXPECT_EQ(engine_->Incidents()[0].silence->created_by, "ana");
  ASSERT_FALSE(notifier_.said.empty());
  for (const Notification& n : notifier_.said) EXPECT_TRUE(n.silenced);
  PlayUntil(325);
  EXPECT_FALSE(engine_->Incidents()[0].silence.has_value());
  EXPECT_FALSE(notifier_.said.back().silenced) << "it is over";
}

}  // namespace
}  // namespace plimsoll::collector
