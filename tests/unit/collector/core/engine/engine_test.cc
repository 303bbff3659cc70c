#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "collector/core/growth/imminent_watch.h"
#include "collector/core/page/evidence_request.h"
#include "tests/unit/collector/core/engine_fixture.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;

TEST_F(EngineTest, PagesALeakWithinFiveMinutesAndNothingElse) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  ShapeOptions healthy;
  healthy.shape = Shape::kSawAndCache;
  AddLife(Process(2, "cache-api", "eu-west-3"), healthy);
  healthy.shape = Shape::kSaw;
  healthy.period_s = 40;
  AddLife(Process(3, "routing-old", "eu-west-3"), healthy);
  AddStack(1, 200);
  PlayUntil(290);
  const auto incidents = engine_->Incidents();
  ASSERT_EQ(incidents.size(), 1u);
  const Incident& i = incidents[0];
  EXPECT_EQ(i.workload.name, "routing-api");
  EXPECT_EQ(i.state, IncidentState::kFiring);
  EXPECT_EQ(ToString(i.cause), "python-object");
  std::printf("fired at age %ld s\n%s\n",
              static_cast<long>((i.fired_ns - kStartNs) / kSecond),
              i.text.ToString().c_str());
  ASSERT_FALSE(notifier_.said.empty());
  const Notification& n = notifier_.said.back();
  EXPECT_EQ(n.labels.at("workload"), "routing-api");
  EXPECT_EQ(n.labels.at("cause"), "python-object");
  EXPECT_THAT(n.annotations.at("what"),
              HasSubstr("routing.vehicles.FloatingVehicle"));
  EXPECT_THAT(n.annotations.at("made_at"),
              HasSubstr("routing/vehicles.py:118 load <- "));
  EXPECT_THAT(n.annotations.at("summary"), HasSubstr("in ap-southeast-1"));
  EXPECT_THAT(n.annotations.at("summary"), HasSubstr("OOM in "));
  EXPECT_THAT(n.annotations.at("traffic"), HasSubstr("no request counts"));
  // The slope's interval holds the truth.
  EXPECT_LT(i.bytes_per_s.lo, 20 * kMiB / 60);
  EXPECT_GT(i.bytes_per_s.hi, 20 * kMiB / 60);
}

TEST_F(EngineTest, AsksTheWorstAndAHealthySiblingOfAnotherRegion) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  ShapeOptions flat;
  AddLife(Process(2, "routing-api", "ap-southeast-1"), flat);
  AddLife(Process(3, "routing-api", "eu-west-3"), flat);
  PlayUntil(260);
  ASSERT_GE(requester_.asked.size(), 2u);
  EXPECT_EQ(requester_.asked[0].first, 1);
  EXPECT_EQ(requester_.asked[0].second.at(0),
            "routing.vehicles.FloatingVehicle");
  EXPECT_EQ(requester_.asked[1].first, 3);
  EXPECT_THAT(notifier_.said.back().annotations.at("where"),
              HasSubstr("only ap-southeast-1 leaks, eu-west-3 does not"));
}

TEST_F(EngineTest, FiresWithoutEvidenceAfterABoundedWaitAndSaysSo) {
  requester_.answer = absl::OkStatus();
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  PlayUntil(295);
  ASSERT_FALSE(notifier_.said.empty());
  EXPECT_THAT(notifier_.said.back().annotations.at("made_at"),
              HasSubstr("not known yet: a window was asked for"));
}

// Five of nine births at one line: more are asked for, as long as they leave
// open which line makes most of it.
TEST_F(EngineTest, FewBirthsThatLeaveTheLineOpenAskForMore) {
  for (const bool sure : {false, true}) {
    now_ = kStartNs;
    events_.clear();
    requester_.asked.clear();
    store_.records.clear();
    Restart();
    AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(15));
    AddStack(1, 1);
    StackEvidence& first = fleet_.stacks[1].front();
    first.kind = "birth";
    first.objects = first.samples = sure ? 90 : 5;
    fleet_.stacks[1].push_back(first);
    fleet_.stacks[1].back().frames[0].line = 11;
    fleet_.stacks[1].back().objects = fleet_.stacks[1].back().samples = 4;
    while (engine_->Incidents().empty()) {
      ASSERT_LT(now_, kStartNs + 600 * kSecond);
      ASSERT_TRUE(PlayOne().ok());
    }
    const size_t asked = requester_.asked.size();
    PlayUntil((now_ - kStartNs) / kSecond + 330);
    EXPECT_EQ(requester_.asked.size(), sure ? asked : asked + 1);
    fleet_.stacks.clear();
  }
}

// They were refused behind a window that was delivered: nothing said so.
TEST_F(EngineTest, WhyBirthsWereNotFollowedIsToldUntilTheyAre) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(15));
  AddStack(1, 1);
  StackEvidence refused;
  refused.kind = "birth";
  refused.time_ns = kStartNs + kSecond;
  refused.refusal =
      "births of m.T were not followed: no debug register is free";
  fleet_.stacks[1].push_back(refused);
  while (engine_->Incidents().empty()) {
    ASSERT_LT(now_, kStartNs + 600 * kSecond);
    ASSERT_TRUE(PlayOne().ok());
  }
  EXPECT_EQ(engine_->Incidents()[0].follow_problem, refused.refusal);
  EXPECT_THAT(engine_->Incidents()[0].text.made_at,
              HasSubstr("no debug register is free"));
  ASSERT_EQ(engine_->Incidents()[0].stacks.size(), 1u);
  AddStack(1, (now_ - kStartNs) / kSecond);
  fleet_.stacks[1].back().kind = "birth";
  fleet_.stacks[1].back().samples = 90;
  PlayUntil((now_ - kStartNs) / kSecond + 400);
  EXPECT_EQ(engine_->Incidents()[0].follow_problem, "");
}

TEST_F(EngineTest, EvidenceOfATypeBesideTheLeakIsAskedForAgainSoon) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(15));
  double cells = 1000;
  for (auto& [at, event] : events_) {
    if (!event.second.has_census) continue;
    cells += 90;
    event.second.types.push_back({"app.Cell", cells, 64 * cells});
  }
  while (engine_->Incidents().empty()) {
    ASSERT_LT(now_, kStartNs + 600 * kSecond);
    ASSERT_TRUE(PlayOne().ok());
  }
  AddStack(1, (now_ - kStartNs) / kSecond);
  fleet_.stacks[1].front().type = "app.Cell";
  const size_t asked = requester_.asked.size();
  PlayUntil((now_ - kStartNs) / kSecond + 130);
  const Incident beside = engine_->Incidents()[0];
  ASSERT_TRUE(IsBesideTheLeak(beside)) << beside.text.made_at;
  EXPECT_EQ(requester_.asked.size(), asked + 1);
  AddStack(1, (now_ - kStartNs) / kSecond);
  PlayUntil((now_ - kStartNs) / kSecond + 120);
  EXPECT_FALSE(IsBesideTheLeak(engine_->Incidents()[0]));
  EXPECT_LE(requester_.asked.size(), asked + 2);
}

TEST_F(EngineTest, AnAgentThatCannotBeAskedIsSaidAndDoesNotDelay) {
  requester_.answer = absl::UnavailableError("agent node-1 is not connected");
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  while (engine_->Incidents().empty() ||
         engine_->Incidents()[0].state == IncidentState::kPending) {
    ASSERT_LT(now_, kStartNs + 290 * kSecond);
    const absl::Status ignored = PlayOne();
  }
  const Incident i = engine_->Incidents()[0];
  EXPECT_THAT(i.text.made_at, HasSubstr("agent node-1 is not connected"));
}

TEST_F(EngineTest, ARefusedWindowIsSaidWithItsReasonAndDoesNotDelay) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  while (engine_->Incidents().empty()) {
    ASSERT_LT(now_, kStartNs + 290 * kSecond);
    EXPECT_TRUE(PlayOne().ok());
  }
  const int64_t asked = now_;
  fleet_.commands[1] = {
      7, "open_window", "refused", "a hit costs 19 us here", now_, now_};
  while (engine_->Incidents()[0].state == IncidentState::kPending) {
    ASSERT_LT(now_, asked + 60 * kSecond);
    EXPECT_TRUE(PlayOne().ok());
  }
  const Incident i = engine_->Incidents()[0];
  EXPECT_EQ(i.text.made_at,
            "not known: the window was refused: a hit costs 19 us here");
  ASSERT_EQ(i.requests.size(), 1u);
  EXPECT_EQ(i.requests[0].outcome, "refused");
  EXPECT_EQ(i.requests[0].process, 1);
}

TEST_F(EngineTest, WithoutALimitTheNodesMemoryIsTheLimit) {
  const Life life = MakeLife(Leak(20));
  for (Observation o : life.observations) {
    o.node_available_bytes = 384 * kMiB - *o.anon_bytes;
    o.limit_bytes.reset();
    events_.emplace(o.time_ns,
                    std::pair(Process(1, "import-files", "eu-west-3"), o));
  }
  PlayUntil(295);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  EXPECT_EQ(engine_->Incidents()[0].state, IncidentState::kFiring);
  EXPECT_THAT(engine_->Incidents()[0].text.title,
              HasSubstr("; no limit is set: OOM of the node in "));
  EXPECT_THAT(engine_->Incidents()[0].text.title,
              HasSubstr("on 1 of 1 process"));
}

TEST_F(EngineTest, WithoutALimitAndTheNodesMemoryTheRuleSaysSo) {
  Life life = MakeLife(Leak(20));
  ImminentWatch watch(ImminentThresholds{}, kStartNs);
  for (Observation& o : life.observations) {
    o.limit_bytes.reset();
    watch.Observe(o);
  }
  EXPECT_EQ(watch.finding().why_not,
            "no memory limit is set, and what the node has left is not known");
}

TEST_F(EngineTest, SurvivesARestartWithTheSameIdentity) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(15));
  PlayUntil(300);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident before = engine_->Incidents()[0];
  ASSERT_EQ(before.state, IncidentState::kFiring);
  const auto labels = notifier_.said.back().labels;
  notifier_.said.clear();
  Restart();
  ASSERT_EQ(notifier_.said.size(), 1u) << "said again at once";
  EXPECT_EQ(notifier_.said[0].labels, labels);
  EXPECT_EQ(notifier_.said[0].incident_id, before.id);
  PlayUntil(600);
  ASSERT_EQ(engine_->Incidents().size(), 1u) << "no second incident";
  EXPECT_EQ(engine_->Incidents()[0].id, before.id);
  EXPECT_EQ(engine_->Incidents()[0].opened_ns, before.opened_ns);
  EXPECT_EQ(engine_->counters().incidents_fired, 0);
}

TEST_F(EngineTest, ARestartInTheMiddleOfAWatchDelaysNothing) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  PlayUntil(150);
  ASSERT_EQ(engine_->counters().incidents_fired, 0);
  Restart();
  PlayUntil(295);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  EXPECT_EQ(engine_->Incidents()[0].state, IncidentState::kFiring);
  EXPECT_THAT(engine_->Incidents()[0].text.what,
              HasSubstr("routing.vehicles.FloatingVehicle"));
}

TEST_F(EngineTest, ABadRecordIsCountedAndKeepsNothingFromStarting) {
  store_.records["bad"] = {"bad", "w", "leak", "firing", 1, 1, 0, "{"};
  Restart();
  EXPECT_EQ(engine_->counters().port_errors, 1);
  EXPECT_TRUE(engine_->Incidents().empty());
}

TEST_F(EngineTest, ACensusWithoutTypesForgetsNothing) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  for (int age = 35; age < 300; age += 10) {
    Observation headers;
    headers.time_ns = kStartNs + age * kSecond + kSecond / 2;
    headers.has_census = true;
    events_.emplace(
        headers.time_ns,
        std::pair(Process(1, "routing-api", "ap-southeast-1"), headers));
  }
  PlayUntil(295);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  EXPECT_EQ(engine_->Incidents()[0].state, IncidentState::kFiring);
}

TEST_F(EngineTest, ResolvesWhenTheProcessIsKilledAndSaysWhy) {
  ShapeOptions leak = Leak(25);
  const Life life = MakeLife(leak);
  ASSERT_GT(life.oom_s, 0);
  AddLife(Process(1, "routing-api", "ap-southeast-1"), leak);
  Observation last;
  last.time_ns = kStartNs + static_cast<int64_t>(life.oom_s) * kSecond;
  last.exited = true;
  last.oom_killed = true;
  events_.emplace(last.time_ns,
                  std::pair(Process(1, "routing-api", "ap-southeast-1"), last));
  PlayUntil(static_cast<int64_t>(life.oom_s) + 120);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident i = engine_->Incidents()[0];
  EXPECT_EQ(i.state, IncidentState::kResolved);
  EXPECT_THAT(i.resolve_reason, HasSubstr("killed by the kernel"));
  EXPECT_FALSE(i.types.empty()) << "evidence is kept";
  EXPECT_TRUE(notifier_.said.back().resolved);
}

TEST_F(EngineTest, ALeakThatComesBackIsTheSameIncident) {
  ShapeOptions leak = Leak(25);
  const int64_t oom = static_cast<int64_t>(MakeLife(leak).oom_s);
  AddLife(Process(1, "routing-api", "ap-southeast-1"), leak);
  Observation last;
  last.time_ns = kStartNs + oom * kSecond;
  last.exited = true;
  events_.emplace(last.time_ns,
                  std::pair(Process(1, "routing-api", "ap-southeast-1"), last));
  PlayUntil(oom + 120);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const std::string id = engine_->Incidents()[0].id;
  // A new process of the workload, leaking from the start.
  ProcessInfo next = Process(2, "routing-api", "ap-southeast-1");
  next.start_unix_ns = kStartNs + (oom + 30) * kSecond;
  for (Observation o : MakeLife(leak).observations) {
    o.time_ns += (oom + 30) * kSecond;
    events_.emplace(o.time_ns, std::pair(next, o));
  }
  PlayUntil(oom + 330);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  EXPECT_EQ(engine_->Incidents()[0].id, id);
  EXPECT_EQ(engine_->Incidents()[0].state, IncidentState::kFiring);
}

TEST_F(EngineTest, ResolvesWhenTheSlopeIsGone) {
  ShapeOptions cache;
  cache.shape = Shape::kCacheLinear;  // fills past the rule's patience
  cache.amplitude_of_limit = 0.5;
  cache.period_s = 400;
  AddLife(Process(1, "slow-cache", ""), cache);
  PlayUntil(350);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  EXPECT_EQ(engine_->Incidents()[0].state, IncidentState::kFiring);
  PlayUntil(1790);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  EXPECT_EQ(engine_->Incidents()[0].state, IncidentState::kResolved);
  EXPECT_THAT(engine_->Incidents()[0].resolve_reason,
              HasSubstr("slope is gone"));
}

TEST_F(EngineTest, AFailingStoreIsCountedAndThePageStillGoesOut) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  fleet_.fail = absl::UnavailableError("database is locked");
  while (now_ <= kStartNs + 300 * kSecond) PlayOne().IgnoreError();
  EXPECT_GT(engine_->counters().port_errors, 0);
  EXPECT_FALSE(notifier_.said.empty());
}

}  // namespace
}  // namespace plimsoll::collector
