// Who is asked for evidence, and what becomes of the answers.
#include "collector/core/page/evidence_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "collector/core/diagnosis/diagnosis_stored.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::collector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kWindowNs = 2'000'000'000;
constexpr int64_t kNowNs = 1'700'000'000'000'000'000;

AffectedProcess At(ProcessKey key, const std::string& node,
                   const std::string& region, bool leaking) {
  AffectedProcess p;
  p.process = key;
  p.node = node;
  p.region = region;
  p.instance = "pod " + std::to_string(key);
  p.leaking = leaking;
  return p;
}

// Worst first, as a diagnosis lists them.
Incident FourThatLeakOnThreeNodes() {
  Incident i;
  i.opened_ns = kNowNs - 60'000'000'000;
  i.processes = {At(1, "a", "ap", true),  At(2, "a", "ap", true),
                 At(3, "b", "ap", true),  At(4, "c", "ap", true),
                 At(5, "d", "ap", false), At(6, "e", "eu", false)};
  GrowingType type;
  type.type = "shop.Order";
  i.types = {type};
  return i;
}

std::vector<ProcessKey> Asked(const FakeRequester& requester) {
  std::vector<ProcessKey> keys;
  for (const auto& [key, types] : requester.asked) keys.push_back(key);
  return keys;
}

TEST(AskForEvidence, AsksTheWorstFewAndOneHealthySibling) {
  FakeRequester requester;
  Incident i = FourThatLeakOnThreeNodes();
  ASSERT_TRUE(AskForEvidence(&requester, kWindowNs, kNowNs, i).ok());
  EXPECT_THAT(Asked(requester), ElementsAre(1, 3, 4, 6))
      << "one a node, and a sibling of another region";
  for (const auto& [key, types] : requester.asked) {
    EXPECT_THAT(types, ElementsAre("shop.Order"));
  }
  EXPECT_EQ(i.evidence_requested_ns, kNowNs);
}

TEST(AskForEvidence, OnOneNodeTheWorstThreeInstances) {
  FakeRequester requester;
  Incident i = FourThatLeakOnThreeNodes();
  for (AffectedProcess& p : i.processes) p.node = "a";
  // Workers of one pod: the first tells what the other would.
  i.processes[1].instance = i.processes[0].instance;
  i.processes.insert(i.processes.begin() + 4, At(7, "a", "ap", true));
  ASSERT_TRUE(AskForEvidence(&requester, kWindowNs, kNowNs, i).ok());
  EXPECT_THAT(Asked(requester), ElementsAre(1, 3, 4, 6));
}

class HalfDeaf : public FakeRequester {
 public:
  absl::Status RequestWindow(ProcessKey process,
                             const std::vector<std::string>& types,
                             int64_t duration_ns) override {
    FakeRequester::RequestWindow(process, types, duration_ns).IgnoreError();
    return process == deaf_to || deaf_to == 0
               ? absl::UnavailableError("agent is not connected")
               : absl::OkStatus();
  }
  ProcessKey deaf_to = 0;  // 0: to all
};

TEST(AskForEvidence, WhereOneAgentIsAwayTheOthersMayStillAnswer) {
  HalfDeaf requester;
  requester.deaf_to = 1;
  Incident i = FourThatLeakOnThreeNodes();
  EXPECT_FALSE(AskForEvidence(&requester, kWindowNs, kNowNs, i).ok());
  EXPECT_THAT(Asked(requester), ElementsAre(1, 3, 4, 6));
  EXPECT_EQ(i.evidence_problem, "") << "evidence may come";
  requester.deaf_to = 0;
  EXPECT_FALSE(AskForEvidence(&requester, kWindowNs, kNowNs, i).ok());
  EXPECT_THAT(i.evidence_problem, HasSubstr("agent is not connected"));
}

// A window counts Python's allocations, and is refused where those are many.
TEST(AskForEvidence, OfANativeLeakNativeMemoryIsFollowed) {
  FakeRequester requester;
  Incident i = FourThatLeakOnThreeNodes();
  i.cause = Verdict::kNative;
  ASSERT_TRUE(AskForEvidence(&requester, kWindowNs, kNowNs, i).ok());
  EXPECT_THAT(requester.asked_native, ElementsAre(1, 3, 4, 6));
  EXPECT_TRUE(requester.asked.empty());
  FakeFleet fleet;
  fleet.commands[1] = {1,
                       command::kSampleNative,
                       "refused",
                       "no register is "
                       "free",
                       kNowNs,
                       1};
  ASSERT_TRUE(ReadRequests(fleet, i).ok());
  EXPECT_EQ(i.evidence_problem,
            "the look at native memory was refused: no register is free");
  ASSERT_TRUE(AskForEvidence(&requester, kWindowNs, kNowNs, i).ok());
  EXPECT_THAT(Asked(requester), ElementsAre(1, 3, 4, 6)) << "a window, then";
}

TEST(ReadRequests, ARefusalIsAProblemWhereNoOtherWindowBringsAnything) {
  FakeFleet fleet;
  Incident i = FourThatLeakOnThreeNodes();
  const CommandState refused{1, "open_window", "refused", "19 us", kNowNs, 1};
  fleet.commands[1] = refused;
  fleet.commands[3] = {2, "open_window", "", "", kNowNs, 0};
  ASSERT_TRUE(ReadRequests(fleet, i).ok());
  EXPECT_EQ(i.evidence_problem, "") << "one is under way";
  fleet.commands[3].outcome = "process_gone";
  ASSERT_TRUE(ReadRequests(fleet, i).ok());
  EXPECT_EQ(i.evidence_problem, "the window was refused: 19 us");
  // A sibling's answer says nothing of where the leak is made.
  fleet.commands[6] = {3, "open_window", "done", "", kNowNs, 1};
  ASSERT_TRUE(ReadRequests(fleet, i).ok());
  EXPECT_EQ(i.evidence_problem, "the window was refused: 19 us");
  fleet.commands[3].outcome = "done";
  ASSERT_TRUE(ReadRequests(fleet, i).ok());
  EXPECT_EQ(i.evidence_problem, "");
  EXPECT_EQ(i.requests.size(), 3u);
}

// Births of two leaking pods are of one leak and add up; a healthy sibling's
// are in none of its shares.
TEST(ReadStacks, WhatTheWorstFewSendIsAttachedTogether) {
  FakeFleet fleet;
  Incident i = FourThatLeakOnThreeNodes();
  const auto births = [&](ProcessKey key, int line, int64_t samples) {
    StackEvidence s;
    s.kind = "birth";
    s.type = "shop.Order";
    s.objects = s.samples = samples;
    s.time_ns = kNowNs;
    s.frames = {{"load", "/srv/shop/orders.py", "", line, false}};
    fleet.stacks[key].push_back(s);
  };
  births(3, 118, 6);
  births(4, 118, 12);
  births(4, 31, 2);
  births(6, 400, 90);
  ASSERT_TRUE(ReadStacks(fleet, kNowNs, i).ok());
  ASSERT_EQ(i.stacks.size(), 2u);
  EXPECT_EQ(i.stacks[0].frames[0].line, 118);
  EXPECT_EQ(i.stacks[0].samples, 18);
  EXPECT_NEAR(i.stacks[0].share, 0.9, 1e-9);
  EXPECT_EQ(i.stacks[1].frames[0].line, 31);
}

}  // namespace
}  // namespace plimsoll::collector
