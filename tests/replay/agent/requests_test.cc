// Where the agent asks for request counters, how often, and what it says of
// those that it cannot use.
#include <optional>
#include <string>
#include <vector>

#include "agent/kube/pod_cache.h"
#include "tests/replay/agent/agent_fixture.h"

namespace plimsoll::agent {
namespace {

constexpr char kUid[] = "8712f785-1a3e-41ec-a00b-e2dcc77431cb";
constexpr char kContainer[] =
    "5f3c1a0d9b8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a";

class FakeRequests final : public core::RequestPort {
 public:
  void Ask(core::RequestQuestion question, Done done) override {
    asked.push_back(question);
    waiting.push_back(std::move(done));
  }
  void Answer(absl::StatusOr<core::RequestAnswer> answer) {
    Done done = std::move(waiting.front());
    waiting.erase(waiting.begin());
    done(std::move(answer));
  }
  std::vector<core::RequestQuestion> asked;
  std::vector<Done> waiting;
};

core::RequestAnswer Count(double value, const std::string& source = "metrics") {
  core::RequestAnswer answer;
  answer.counts.source = source;
  answer.counts.counts.push_back({"requests_total", {}, value, false});
  return answer;
}

class RequestsTest : public AgentTest {
 protected:
  void SetUp() override {
    AgentTest::SetUp();
    AddPython(42);
    requests_ = &port_;
  }
  void Rule(const std::string& text) {
    config_.request_rules.push_back(*procfs::ParseRequestRule(text));
  }
  // As last told of pid 42.
  core::TierStatus Tier() const {
    core::TierStatus last;
    for (const core::NodeReport& report : reports_) {
      for (const core::Snapshot& snapshot : report.snapshots) {
        for (const core::TierStatus& tier : snapshot.tiers) {
          if (tier.tier == core::Tier::kRequests) last = tier;
        }
      }
    }
    return last;
  }
  std::vector<core::Snapshot> WithRequests() const {
    std::vector<core::Snapshot> found;
    for (const core::NodeReport& report : reports_) {
      for (const core::Snapshot& snapshot : report.snapshots) {
        if (snapshot.requests) found.push_back(snapshot);
      }
    }
    return found;
  }
  std::map<std::string, int64_t> Losses() const {
    std::map<std::string, int64_t> losses;
    for (const core::NodeReport& report : reports_) {
      for (const core::Snapshot& snapshot : report.snapshots) {
        for (const auto& [reason, count] : snapshot.losses) {
          losses[reason] += count;
        }
      }
    }
    return losses;
  }

  FakeRequests port_;
};

TEST_F(RequestsTest, NobodyIsAskedUnlessSomethingSaysSo) {
  Rule("command=other* -> metrics=8000");
  Start();
  time_.Advance(100 * kSecond);
  EXPECT_TRUE(port_.asked.empty());
  EXPECT_THAT(Tier().reason, HasSubstr("no counter file"));
}

TEST_F(RequestsTest, AnAnswerIsASnapshotOfItsOwnMoment) {
  Rule("command=python3?orders.py -> metrics=8000/m");
  Start();
  time_.Advance(10 * kSecond);
  ASSERT_EQ(port_.asked.size(), 1u);
  EXPECT_EQ(port_.asked[0].metrics, (core::MetricsEndpoint{8000, "/m"}));
  EXPECT_FALSE(port_.asked[0].uwsgi);
  EXPECT_EQ(port_.asked[0].namespace_pid, 42);
  EXPECT_DOUBLE_EQ(port_.asked[0].start_s, 10.42);
  EXPECT_THAT(Tier().reason, HasSubstr("not answered yet"));
  time_.Advance(3 * kSecond);
  const int64_t answered_ns = time_.BoottimeNs();
  port_.Answer(Count(5));
  time_.Advance(10 * kSecond);
  ASSERT_EQ(WithRequests().size(), 1u);
  EXPECT_EQ(WithRequests()[0].boottime_ns, answered_ns);
  EXPECT_EQ(WithRequests()[0].process.pid, 42);
  EXPECT_EQ(WithRequests()[0].requests->counts[0].value, 5);
  EXPECT_TRUE(WithRequests()[0].requests->reliable);
  EXPECT_TRUE(Tier().ok);
  EXPECT_EQ(Tier().rung, "metrics");
}

TEST_F(RequestsTest, AtMostEvery15sAndNeverTwiceAtOnce) {
  config_.memory_period_ns = kSecond;
  Rule("command=* -> metrics=8000");
  Start();
  time_.Advance(100 * kSecond);
  EXPECT_EQ(port_.asked.size(), 1u) << "the first was not answered";
  port_.Answer(Count(1));
  for (int i = 1; i <= 150; ++i) {
    time_.Advance(kSecond);
    if (!port_.waiting.empty()) port_.Answer(Count(i));
  }
  EXPECT_EQ(port_.asked.size(), 1u + 10u);
}

TEST_F(RequestsTest, WhoFailsIsAskedEverMoreSeldom) {
  Rule("command=* -> metrics=8000");
  Start();
  for (int i = 0; i < 3600; ++i) {
    time_.Advance(kSecond);
    if (!port_.waiting.empty()) {
      port_.Answer(absl::InvalidArgumentError("its metrics, line 3: no value"));
    }
  }
  // 30, 60, 120 and then every 240 s.
  EXPECT_GE(port_.asked.size(), 15u);
  EXPECT_LE(port_.asked.size(), 20u);
  EXPECT_FALSE(Tier().ok);
  EXPECT_EQ(Tier().reason, "its metrics, line 3: no value");
  EXPECT_GE(Losses()["bad_request_file"], 14);
}

TEST_F(RequestsTest, CountsThatJumpBetweenWorkersAreRefusedForGood) {
  Rule("command=* -> metrics=8000");
  Start();
  for (const double value : {100.0, 40.0, 103.0}) {
    time_.Advance(20 * kSecond);
    ASSERT_EQ(port_.waiting.size(), 1u) << value;
    port_.Answer(Count(value));
  }
  time_.Advance(20 * kSecond);
  const std::vector<core::Snapshot> told = WithRequests();
  ASSERT_EQ(told.size(), 2u) << "the doubtful one is not told";
  EXPECT_EQ(told[0].requests->counts[0].value, 100);
  EXPECT_FALSE(told[1].requests->reliable);
  EXPECT_TRUE(told[1].requests->counts.empty());
  EXPECT_THAT(told[1].requests->unreliable_reason,
              HasSubstr("several processes answer in turn"));
  EXPECT_FALSE(Tier().ok);
  EXPECT_EQ(Tier().reason, told[1].requests->unreliable_reason);
  time_.Advance(3600 * kSecond);
  EXPECT_EQ(port_.asked.size(), 3u) << "there is nothing more to learn";
  EXPECT_EQ(WithRequests().size(), 2u);
}

TEST_F(RequestsTest, APodsAnnotationsAskForIt) {
  kube::PodCache cache;
  kube::PodRecord pod;
  pod.uid = kUid;
  pod.identity.pod = "orders-x";
  pod.identity.scrape = {true, "http", "8000", "/m", "10.1.2.3"};
  pod.containers.push_back({kContainer, "app", "1", ""});
  cache.Replace({pod});
  pods_ = &cache;
  root_.AddProcess(42).Cgroup("0::/kubepods/burstable/pod" + std::string(kUid) +
                              "/" + kContainer + "\n");
  Start();
  time_.Advance(10 * kSecond);
  ASSERT_EQ(port_.asked.size(), 1u);
  EXPECT_EQ(port_.asked[0].metrics, (core::MetricsEndpoint{8000, "/m"}));
  EXPECT_EQ(port_.asked[0].pod_ip, "10.1.2.3");

  // https, a rule that forbids it, and the setting.
  pod.identity.scrape.scheme = "https";
  cache.Replace({pod});
  agent_.reset();
  Start();
  time_.Advance(20 * kSecond);
  EXPECT_EQ(port_.asked.size(), 1u);
  EXPECT_THAT(Tier().reason, HasSubstr("over https"));
  pod.identity.scrape.scheme = "";
  cache.Replace({pod});
  agent_.reset();
  config_.request_rules = {
      *procfs::ParseRequestRule("command=* -> metrics=off")};
  Start();
  time_.Advance(20 * kSecond);
  EXPECT_EQ(port_.asked.size(), 1u);
  agent_.reset();
  config_.request_rules.clear();
  config_.scrape_pods = false;
  Start();
  time_.Advance(20 * kSecond);
  EXPECT_EQ(port_.asked.size(), 1u);
  EXPECT_THAT(Tier().reason, HasSubstr("no counter file"));
  agent_.reset();
}

TEST_F(RequestsTest, UwsgiIsAskedWithoutARule) {
  root_.AddProcess(42).List("cmdline", {"/usr/bin/uwsgi", "--ini", "a.ini"});
  Start();
  time_.Advance(10 * kSecond);
  ASSERT_EQ(port_.asked.size(), 1u);
  EXPECT_TRUE(port_.asked[0].uwsgi);
  EXPECT_FALSE(port_.asked[0].metrics.has_value());
  EXPECT_EQ(port_.asked[0].uwsgi_address, "");
  // Its statistics name the worker: a count that falls is no jump.
  for (const double value : {9.0, 3.0, 10.0, 2.0}) {
    ASSERT_EQ(port_.waiting.size(), 1u);
    port_.Answer(Count(value, "uwsgi"));
    time_.Advance(20 * kSecond);
  }
  EXPECT_EQ(WithRequests().size(), 4u);
  EXPECT_EQ(Tier().rung, "uwsgi");
}

// The answer of a process that ended meanwhile, or after the agent itself.
TEST_F(RequestsTest, LateAnswersAreDropped) {
  Rule("command=* -> uwsgi=@x");
  Start();
  time_.Advance(10 * kSecond);
  ASSERT_EQ(port_.asked.size(), 1u);
  EXPECT_EQ(port_.asked[0].uwsgi_address, "@x");
  root_.RemoveProcess(42);
  time_.Advance(10 * kSecond);
  port_.Answer(Count(1));
  AddPython(43);
  time_.Advance(20 * kSecond);
  EXPECT_TRUE(WithRequests().empty());
  ASSERT_EQ(port_.waiting.size(), 1u);
  agent_.reset();
  port_.Answer(Count(1));
}

TEST_F(RequestsTest, ASpentBudgetIsALoss) {
  Rule("command=* -> metrics=1");
  Start();
  time_.Advance(10 * kSecond);
  port_.Answer(absl::ResourceExhaustedError("the CPU budget is spent"));
  time_.Advance(10 * kSecond);
  EXPECT_EQ(Losses()["cpu_budget"], 1);
}

}  // namespace
}  // namespace plimsoll::agent
