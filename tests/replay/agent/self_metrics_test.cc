// What the agent's own metrics say of a node's processes.
#include "agent/self_metrics.h"

#include "tests/replay/agent/agent_fixture.h"

namespace plimsoll::agent {
namespace {

using ::testing::Not;

class SelfMetricsTest : public AgentTest {
 protected:
  void Refuse(int32_t pid, const std::string& why) {
    AddPython(pid);
    inspector_.pythons.insert_or_assign(pid, absl::UnimplementedError(why));
  }
  std::string Metrics() {
    return RenderMetrics(agent_->status(), {}, {}, "1.2.3");
  }
};

TEST_F(SelfMetricsTest, SayWhyATierDoesNotWorkAndForHowMany) {
  AddPython(42);
  Refuse(43, "CPython 2.7 is not supported");
  Refuse(44, "CPython 2.7 is not supported");
  Start();
  time_.Advance(10 * kSecond);
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics, HasSubstr("plimsoll_agent_tier_refused{tier=\"census\","
                                 "reason=\"CPython 2.7 is not supported\"} 2"));
  EXPECT_THAT(metrics, HasSubstr("plimsoll_agent_tier_refused{tier=\"gc\","
                                 "reason=\"not probed: BPF is off\"} 1"));
  EXPECT_THAT(metrics,
              Not(HasSubstr("plimsoll_agent_tier_refused{tier=\"memory\"")));
}

TEST_F(SelfMetricsTest, ReasonsAreFewAndNameNoProcessAndNoPath) {
  // Each has a word of its own, as a target could make it up.
  for (int32_t pid = 4100; pid < 4130; ++pid) {
    const std::string word(2, static_cast<char>('a' + pid % 26));
    Refuse(pid, "the file at /srv/" + word + " of process " +
                    std::to_string(pid) + " is " + word + "-like");
  }
  Start();
  time_.Advance(60 * kSecond);
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics, Not(HasSubstr("/srv/")));
  EXPECT_THAT(metrics, Not(HasSubstr("process 41")));
  EXPECT_THAT(metrics, HasSubstr("plimsoll_agent_tier_refused{tier=\"census\","
                                 "reason=\"other\"} "));
  size_t reasons = 0;
  const std::string row = "\nplimsoll_agent_tier_refused{tier=\"census\"";
  for (size_t at = metrics.find(row); at != std::string::npos;
       at = metrics.find(row, at + 1)) {
    ++reasons;
  }
  EXPECT_EQ(reasons, core::kMostRefusalLabels + 1);
}

TEST_F(SelfMetricsTest, SayWhatEachKindOfHitCosts) {
  Agent::Status status;
  status.probes.watchpoint_hit_ns = 11'000;
  status.probes.page_fault_hit_ns = 1'500;
  const std::string metrics = RenderMetrics(status, {}, {}, "1.2.3");
  const std::string name = "plimsoll_agent_hit_cost_seconds{instruction=";
  EXPECT_THAT(metrics, HasSubstr(name + "\"watchpoint\"} 1.1"));
  EXPECT_THAT(metrics, HasSubstr(name + "\"page_fault\"} 1.5"));
  EXPECT_THAT(metrics, HasSubstr(name + "\"emulated\"} 0"));
}

TEST_F(SelfMetricsTest, SayThatAHeapIsNotToBeBelieved) {
  AddPython(42);
  inspector_.censuses.at(42)->implausible_claims = 5;  // changed meanwhile
  AddPython(43);
  inspector_.censuses.at(43)->implausible_claims = 50'000;
  Start();
  time_.Advance(10 * kSecond);
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics,
              HasSubstr("plimsoll_agent_implausible_claims_total 50005"));
  EXPECT_THAT(metrics, HasSubstr("plimsoll_agent_implausible_heaps_total 1"));
}

}  // namespace
}  // namespace plimsoll::agent
