// A ticket that turns urgent: the same incident, and one page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "collector/core/growth/imminent_watch.h"
#include "collector/core/incident/incident_json.h"
#include "tests/unit/collector/core/engine_fixture.h"

namespace plimsoll::collector {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kTicketId[] = "00000000000000aa";

class RaiseTest : public EngineTest {
 protected:
  // What the full judgement said an hour ago, as a restart finds it.
  void StoreTicket(Verdict cause, IncidentState state,
                   const std::string& name = "routing-api") {
    Incident ticket;
    ticket.id = kTicketId;
    ticket.workload = Process(1, name, "").workload;
    ticket.cause = cause;
    ticket.state = state;
    ticket.page = false;
    ticket.rule = "judgement";
    ticket.opened_ns = kStartNs - 3600 * kSecond;
    ticket.fired_ns = ticket.opened_ns + 45 * kSecond;
    const bool over = state == IncidentState::kResolved;
    if (over) {
      ticket.resolved_ns = kStartNs - 600 * kSecond;
      ticket.resolve_reason = "the leaking processes are gone";
    }
    ticket.told = {{"slack a", over ? "resolved" : "ticket", kStartNs}};
    ASSERT_TRUE(store_.Save(ToRecord(ticket)).ok());
    Restart();
  }

  // How often what is said went from a ticket to a page; nothing else may have
  // been said of another incident.
  int Raises(const std::string& id) const {
    int raises = 0;
    std::string before;
    for (const Notification& n : notifier_.said) {
      EXPECT_EQ(n.incident_id, id);
      raises += n.Status() == "page" && before != "page" ? 1 : 0;
      before = n.Status();
    }
    return raises;
  }

  static int64_t ConfirmedAt(const ShapeOptions& options) {
    ImminentWatch watch(ImminentThresholds{}, kStartNs);
    for (const Observation& o : MakeLife(options).observations) {
      if (watch.Observe(o).confirmed) return o.time_ns;
    }
    return 0;
  }
};

TEST_F(RaiseTest, ATicketThatTurnsAcuteIsPagedAtOnce) {
  StoreTicket(Verdict::kPythonObject, IncidentState::kFiring);
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  const int64_t confirmed_ns = ConfirmedAt(Leak(20));
  ASSERT_GT(confirmed_ns, 0);
  PlayUntil(295);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident i = engine_->Incidents()[0];
  EXPECT_EQ(i.id, kTicketId);
  ASSERT_TRUE(i.page);
  EXPECT_EQ(i.rule, "imminent");
  EXPECT_GE(i.raised_ns, confirmed_ns) << "no page on a suspicion";
  EXPECT_LE(i.raised_ns, confirmed_ns + kSecond);
  EXPECT_EQ(Raises(kTicketId), 1);
  EXPECT_EQ(i.evidence_requested_ns, i.raised_ns);
  ASSERT_FALSE(requester_.asked.empty());
  EXPECT_EQ(requester_.asked.back().first, 1);
  EXPECT_THAT(i.text.title, HasSubstr("OOM in "));
  EXPECT_THAT(i.text.what, HasSubstr("routing.vehicles.FloatingVehicle"));
  EXPECT_THAT(i.text.trust,
              HasSubstr("rule: imminent (predicted, held at two looks); a "
                        "ticket since 2023-11-14 21:14 UTC, a page since "
                        "2023-11-14 22:1"));
  const auto labels = notifier_.said.back().labels;
  EXPECT_EQ(labels.at("severity"), "page");
  notifier_.said.clear();
  Restart();
  ASSERT_EQ(notifier_.said.size(), 1u);
  EXPECT_EQ(notifier_.said[0].labels, labels) << "a restart changes nothing";
}

TEST_F(RaiseTest, AResolvedTicketThatComesBackPagesWhenItIsConfirmed) {
  StoreTicket(Verdict::kPythonObject, IncidentState::kResolved);
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  PlayUntil(295);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident i = engine_->Incidents()[0];
  EXPECT_EQ(i.id, kTicketId);
  EXPECT_TRUE(i.page);
  EXPECT_GE(i.raised_ns, ConfirmedAt(Leak(20)));
  ASSERT_GE(notifier_.said.size(), 2u);
  EXPECT_EQ(notifier_.said.front().Status(), "ticket");
  EXPECT_EQ(Raises(kTicketId), 1);
}

// What fills is free in the allocator; some objects rise steadily beside it.
TEST_F(RaiseTest, FragmentationThatIsAboutToMeetTheLimitIsATicket) {
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(8));
  for (auto& [time_ns, event] : events_) {
    const Observation& o = event.second;
    if (!o.has_census) continue;
    const double grown =
        *o.anon_bytes - *events_.begin()->second.second.anon_bytes;
    fleet_.Put(1, {metric::kLiveBytes, ""}, time_ns, 30 * kMiB + 0.1 * grown);
    fleet_.Put(1, {metric::kFreeBytes, ""}, time_ns, 0.9 * grown);
    fleet_.Put(1, {"malloc_python_bytes", ""}, time_ns, kMiB);
    fleet_.Put(1, {"malloc_free_bytes", ""}, time_ns, kMiB);
  }
  PlayUntil(900);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident i = engine_->Incidents()[0];
  EXPECT_EQ(i.cause, Verdict::kFragmentation)
      << *i.shares.free << " from "
      << (i.shares.free_ci ? (*i.shares.free_ci)[0] : -9);
  EXPECT_EQ(i.rule, "imminent");
  EXPECT_EQ(i.state, IncidentState::kFiring);
  EXPECT_FALSE(i.page);
  EXPECT_EQ(Raises(i.id), 0);
}

TEST_F(RaiseTest, ASilenceOfTicketsHoldsNoPageBack) {
  silences_.silenced = "routing-api";
  silences_.severity = "ticket";
  silences_.silence = Silence{"s1", "ana", "known", kStartNs + 3600 * kSecond};
  StoreTicket(Verdict::kPythonObject, IncidentState::kFiring);
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  PlayUntil(295);
  ASSERT_TRUE(engine_->Incidents()[0].page);
  bool ticket_was_silenced = false;
  for (const Notification& n : notifier_.said) {
    ticket_was_silenced |= n.Status() == "ticket" && n.silenced;
    if (n.Status() == "page") {
      EXPECT_FALSE(n.silenced);
    }
  }
  EXPECT_TRUE(ticket_was_silenced);
}

// A page may not say "no leak": what comes on top is named instead, and what
// people were told before is said.
TEST_F(RaiseTest, ALeakOnTopOfFragmentationPagesAndSaysSo) {
  StoreTicket(Verdict::kFragmentation, IncidentState::kFiring);
  EXPECT_EQ(notifier_.said.back().labels.at("cause"), "fragmentation");
  AddLife(Process(1, "routing-api", "ap-southeast-1"), Leak(20));
  PlayUntil(295);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident i = engine_->Incidents()[0];
  EXPECT_EQ(i.id, kTicketId);
  EXPECT_TRUE(i.page);
  EXPECT_EQ(ToString(i.cause), "python-object");
  EXPECT_EQ(ToString(i.cause_before), "fragmentation");
  EXPECT_THAT(i.text.what, HasSubstr("live Python objects"));
  EXPECT_THAT(i.text.trust,
              HasSubstr("a ticket since 2023-11-14 21:14 UTC (fragmentation "
                        "then), a page since 2023-11-14 22:1"));
  EXPECT_EQ(Raises(kTicketId), 1);
  EXPECT_EQ(notifier_.said.back().labels.at("cause"), "python-object");
  EXPECT_EQ(DecodeIncident(EncodeIncident(i))->cause_before, i.cause_before);
}

// Incident 2: a service under little traffic, then a cache warmer.
class LatentLeak : public RaiseTest {
 protected:
  // A request of singapore keeps 1 KiB, one of paris nothing.
  static constexpr double kKeeps = 1024;
  static constexpr double kLimit = 256 * kMiB;

  void Play(double hours, double step_s, double traffic) {
    const int64_t until = now_ + static_cast<int64_t>(hours * 3600) * kSecond;
    for (; now_ < until && usage_ < kLimit;
         now_ += static_cast<int64_t>(step_s) * kSecond) {
      // What comes each minute differs, so that the two can be told apart.
      const double leaking = Poisson(traffic * step_s * Swing(3100));
      const double other = Poisson(traffic * step_s * Swing(2300));
      singapore_ += leaking;
      paris_ += other;
      usage_ = 60 * kMiB + kKeeps * singapore_;
      Look();
      const absl::Status status = engine_->Tick(now_);
      EXPECT_TRUE(status.ok()) << status;
    }
  }

  double HoursSince(int64_t then_ns) const {
    return static_cast<double>(now_ - then_ns) / 3.6e12;
  }

  double usage_ = 0;

 private:
  double Swing(double period_s) const {
    const double t_s = static_cast<double>((now_ - kStartNs) / kSecond);
    return 1 + 0.5 * std::sin(2 * M_PI * t_s / period_s);
  }
  double Poisson(double mean) {
    return std::poisson_distribution<int>(mean)(random_);
  }
  void Look() {
    const ProcessInfo info = Process(1, "profiled-api", "eu-west-3");
    Observation o;
    o.time_ns = now_;
    o.anon_bytes = usage_;
    o.limit_bytes = kLimit;
    o.cgroup_usage_bytes = usage_ + kMiB;
    o.requests_total = singapore_ + paris_;
    o.has_census = (now_ - kStartNs) / kSecond % 60 == 0;
    if (o.has_census) {
      o.types = {{"profiler.Call", 2 * singapore_, 0.9 * kKeeps * singapore_},
                 {"str", 60000, 6e6}};
    }
    fleet_.Add(info, o);
    fleet_.Put(1, {metric::kRequests, "city=singapore"}, now_, singapore_);
    fleet_.Put(1, {metric::kRequests, "city=paris"}, now_, paris_);
    engine_->OnSnapshot(info, o);
  }

  std::mt19937_64 random_{7};
  double singapore_ = 0, paris_ = 0;
};

TEST_F(LatentLeak, TenTimesTheTrafficTurnsItsTicketIntoAPage) {
  Play(9, 60, 1);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident ticket = engine_->Incidents()[0];
  ASSERT_EQ(ticket.state, IncidentState::kFiring);
  ASSERT_FALSE(ticket.page) << ticket.text.ToString();
  ASSERT_FALSE(notifier_.said.empty());
  EXPECT_EQ(notifier_.said.back().Status(), "ticket");
  EXPECT_THAT(ticket.text.traffic,
              AllOf(HasSubstr("per request with city=singapore"),
                    HasSubstr("; OOM after 1"),
                    HasSubstr(" more such requests, at ten times their "
                              "traffic in 4.")));
  const int64_t surge_ns = now_;
  while (!engine_->Incidents()[0].page) {
    ASSERT_LT(usage_, kLimit) << "killed before it was paged";
    Play(1. / 60, 10, 10);
  }
  const Incident page = engine_->Incidents()[0];
  // Its first figure is the mean of hours; the next ones are of the surge.
  Play(0.5, 10, 10);
  const Incident later = engine_->Incidents()[0];
  const int64_t later_ns = now_;
  Play(8, 10, 10);
  ASSERT_GE(usage_, kLimit);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  EXPECT_EQ(engine_->Incidents()[0].id, ticket.id);
  EXPECT_EQ(page.id, ticket.id);
  EXPECT_EQ(Raises(ticket.id), 1) << "one page";
  // What the ticket said of ten times the traffic is what came.
  EXPECT_NEAR(HoursSince(surge_ns), 4.5, 0.5);
  EXPECT_LT(page.raised_ns, surge_ns + 3600 * kSecond);
  EXPECT_THAT(page.text.title, HasSubstr("; OOM in "));
  EXPECT_THAT(page.text.trust, HasSubstr("; a ticket since 2023-11-1"));
  ASSERT_TRUE(later.time_to_limit);
  EXPECT_LT(later.time_to_limit->lo_s, 3600 * HoursSince(later_ns));
  EXPECT_GT(later.time_to_limit->hi_s, 3600 * HoursSince(later_ns));
}

// The full judgement needs the better part of an hour to see what has changed.
TEST_F(LatentLeak, WhatKillsWithinTheHourIsPagedByTheImminentRule) {
  Play(9, 60, 1);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const std::string id = engine_->Incidents()[0].id;
  while (!engine_->Incidents()[0].page) {
    ASSERT_LT(usage_, kLimit) << "killed before it was paged";
    Play(1. / 60, 10, 60);
  }
  const Incident page = engine_->Incidents()[0];
  Play(0.25, 10, 60);
  ASSERT_LT(usage_, kLimit) << "a quarter of an hour to act in";
  EXPECT_EQ(page.id, id);
  EXPECT_EQ(page.rule, "imminent");
  EXPECT_EQ(Raises(id), 1);
  ASSERT_TRUE(page.time_to_limit);
  EXPECT_LT(page.time_to_limit->hi_s, 3600);
  // What is said goes by the last minutes, not by the judged mean of hours.
  EXPECT_GT(engine_->Incidents()[0].bytes_per_s.lo, kMiB / 60);
  EXPECT_LT(engine_->Incidents()[0].time_to_limit->hi_s, 1800);
}

TEST_F(LatentLeak, ASlowOneOnTopOfFragmentationTakesTheTicketOver) {
  StoreTicket(Verdict::kFragmentation, IncidentState::kFiring, "profiled-api");
  Play(9, 60, 1);
  ASSERT_EQ(engine_->Incidents().size(), 1u);
  const Incident i = engine_->Incidents()[0];
  EXPECT_EQ(i.id, kTicketId);
  EXPECT_EQ(i.state, IncidentState::kFiring);
  EXPECT_FALSE(i.page);
  EXPECT_EQ(ToString(i.cause), "leak") << "no totals of the allocator here";
  EXPECT_EQ(ToString(i.cause_before), "fragmentation");
  EXPECT_THAT(i.text.trust, HasSubstr("; a ticket since 2023-11-14 21:14 UTC "
                                      "(fragmentation then)"));
  EXPECT_EQ(notifier_.said.back().Status(), "ticket");
  EXPECT_EQ(notifier_.said.back().labels.at("cause"), "leak");
}

}  // namespace
}  // namespace plimsoll::collector
