// What the agent does when the collector asks.
#include "tests/replay/agent/agent_fixture.h"

namespace plimsoll::agent {
namespace {

TEST_F(AgentTest, CensusCommandIsAnsweredWithEvidenceThenResult) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  size_t before = reports_.size();
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kTakeCensus));
  ASSERT_EQ(reports_.size(), before + 1);
  EXPECT_TRUE(reports_.back().snapshots[0].census.has_value());
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].command_id, 7u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kDone);
}

// Its first answer was lost with the stream.
TEST_F(AgentTest, ACommandThatIsSentAgainIsAnsweredAgainAndNotRunAgain) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  const core::Command command = CommandFor(42, core::CommandKind::kTakeCensus);
  agent_->HandleCommand(command);
  const size_t reports = reports_.size();
  agent_->HandleCommand(command);
  EXPECT_EQ(reports_.size(), reports) << "no second census";
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_EQ(results_[1].command_id, results_[0].command_id);
  EXPECT_EQ(results_[1].outcome, core::CommandOutcome::kDone);
}

TEST_F(AgentTest, CommandsAreRefusedInWords) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kRefused);
  EXPECT_THAT(results_[0].reason, HasSubstr("BPF is off"));
  agent_->HandleCommand(CommandFor(43, core::CommandKind::kTakeCensus));
  EXPECT_EQ(results_[1].outcome, core::CommandOutcome::kProcessGone);
  core::Command other = CommandFor(42, core::CommandKind::kTakeCensus);
  other.boot_id = "another";
  agent_->HandleCommand(other);
  EXPECT_EQ(results_[2].outcome, core::CommandOutcome::kProcessGone);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kWatchBirths));
  EXPECT_EQ(results_[3].outcome, core::CommandOutcome::kRefused);
  EXPECT_THAT(results_[3].reason, HasSubstr("BPF is off"));
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kFindHolders));
  EXPECT_EQ(results_[4].outcome, core::CommandOutcome::kRefused);
  EXPECT_THAT(results_[4].reason, HasSubstr("FindHolders"));
}

TEST_F(AgentTest, WindowBringsANamedBalancedProfile) {
  AddPython(42);
  FakeProbes probes;
  core::RawProfile raw;
  raw.stacks.resize(1);
  raw.stacks[0].frames = {{5, 118}, {6, 31}};
  core::StackCount count;
  count.type_address = 0x1000;
  count.block_bytes = 64;
  count.allocations = 500;
  raw.profile.counts = {count};
  raw.losses["walk_busy"] = 2;
  probes.window = raw;
  // The census sees the same 500 blocks appear.
  probes.during_window = [this] {
    inspector_.censuses.at(42)->size_classes[0].blocks_live += 500;
  };
  Start(&probes);
  time_.Advance(10 * kSecond);
  core::Command command = CommandFor(42, core::CommandKind::kOpenWindow);
  command.object_malloc = true;
  command.duration_ns = kSecond;
  agent_->HandleCommand(command);
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kDone);
  const core::Snapshot& snapshot = reports_.back().snapshots[0];
  ASSERT_EQ(snapshot.stack_profiles.size(), 1u);
  const core::StackProfile& profile = snapshot.stack_profiles[0];
  EXPECT_EQ(profile.command_id, 7u);
  EXPECT_EQ(profile.counts[0].type, "orders.Order");
  EXPECT_EQ(profile.stacks[0].frames[0].function, "f5");
  EXPECT_EQ(profile.stacks[0].frames[0].line, 118);
  EXPECT_FALSE(profile.net_counts_refused) << profile.refusal;
  EXPECT_EQ(profile.balance[0].census_change, 500);
  EXPECT_EQ(snapshot.losses.at("walk_busy"), 2);
  EXPECT_EQ(probes.last_request.known_types[0], 0x1000u);
}

TEST_F(AgentTest, AWindowThatLostUpdatesRefusesItsNetCounts) {
  AddPython(42);
  FakeProbes probes;
  probes.window = core::RawProfile();
  probes.window->losses["map_full"] = 2;
  Start(&probes);
  time_.Advance(10 * kSecond);
  core::Command command = CommandFor(42, core::CommandKind::kOpenWindow);
  command.object_malloc = true;
  agent_->HandleCommand(command);
  const core::StackProfile& profile =
      reports_.back().snapshots.at(0).stack_profiles.at(0);
  EXPECT_TRUE(profile.net_counts_refused);
  EXPECT_THAT(profile.refusal, HasSubstr("map_full 2"));
}

TEST_F(AgentTest, WindowRefusedByTheGovernorSaysSo) {
  AddPython(42);
  FakeProbes probes;
  probes.window = absl::ResourceExhaustedError("31 % of a core");
  Start(&probes);
  time_.Advance(10 * kSecond);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kRefused);
  EXPECT_EQ(results_[0].reason, "31 % of a core");
}

// A collector that lost the answer asks again: a second window would cost the
// target twice.
TEST_F(AgentTest, ACommandSentAgainIsAnsweredNotRepeated) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  core::Command command = CommandFor(42, core::CommandKind::kTakeCensus);
  int before = inspector_.full;
  agent_->HandleCommand(command);
  agent_->HandleCommand(command);
  EXPECT_EQ(inspector_.full, before + 1);
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_EQ(results_[1].command_id, results_[0].command_id);
  EXPECT_EQ(results_[1].outcome, core::CommandOutcome::kDone);
}

// A window whose process is gone, and one that was open when the agent ended:
// each has one answer, never two.
TEST_F(AgentTest, EveryCommandHasOneAnswerHoweverItEnds) {
  AddPython(42);
  FakeProbes probes;
  probes.hold = true;
  Start(&probes);
  time_.Advance(10 * kSecond);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  EXPECT_TRUE(results_.empty());
  ASSERT_EQ(probes.held.size(), 2u);
  probes.held[0](absl::NotFoundError("the process ended in its window"));
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kProcessGone);
  agent_->Finish();
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_EQ(results_[1].outcome, core::CommandOutcome::kFailed);
  EXPECT_THAT(results_[1].reason, HasSubstr("agent ended"));
  size_t reports = reports_.size();
  probes.held[1](core::RawProfile());  // too late
  EXPECT_EQ(results_.size(), 2u);
  EXPECT_EQ(reports_.size(), reports);
}

TEST_F(AgentTest, AProbePastItsBudgetIsNotCalledWorking) {
  AddPython(42);
  FakeProbes probes;
  Start(&probes);
  time_.Advance(10 * kSecond);
  EXPECT_EQ(agent_->status().tiers[core::Tier::kGc].first, 1);
  probes.sample.gc_refusal = "budget: probes have used up 0.5 % of a core";
  time_.Advance(10 * kSecond);
  EXPECT_EQ(agent_->status().tiers[core::Tier::kGc].second, 1);
  bool told = false;
  for (const core::TierStatus& tier : Last(42)->tiers) {
    told |= !tier.ok && tier.reason.starts_with("not probed: budget");
  }
  EXPECT_TRUE(told);
  time_.Advance(10 * kSecond);  // affordable again
  EXPECT_EQ(agent_->status().tiers[core::Tier::kGc].first, 1);
}

core::RawProfile BirthsAt(uint64_t code) {
  core::RawProfile raw;
  raw.profile.kind = core::ProfileKind::kBirth;
  raw.stacks.resize(1);
  raw.stacks[0].frames = {{code, 7}};
  core::StackCount count;
  count.type = "orders.Order";
  count.allocations = 40;
  count.surviving_objects = 4'000;
  raw.profile.counts = {count};
  return raw;
}

TEST_F(AgentTest, BehindAWindowTheBirthsOfTheTypeThatGrowsAreFollowed) {
  AddPython(42);
  FakeProbes probes;
  probes.births = BirthsAt(5);
  probes.during_window = [this] {
    inspector_.censuses.at(42)->types[0].bytes += 1'000'000;
  };
  Start(&probes);
  time_.Advance(10 * kSecond);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kDone);
  ASSERT_EQ(probes.birth_requests.size(), 1u);
  EXPECT_EQ(probes.birth_requests[0].type, "orders.Order");
  EXPECT_EQ(probes.birth_requests[0].type_address, 0x1000u);
  EXPECT_GE(probes.birth_requests[0].duration_ns, 20 * kSecond);
  const core::StackProfile& profile =
      reports_.back().snapshots.at(0).stack_profiles.at(0);
  EXPECT_EQ(profile.kind, core::ProfileKind::kBirth);
  EXPECT_EQ(profile.command_id, 7u);
  EXPECT_EQ(profile.counts.at(0).surviving_objects, 4'000);
  EXPECT_EQ(profile.stacks.at(0).frames.at(0).function, "f5");
}

TEST_F(AgentTest, WhereNothingGrewNoBirthsAreFollowed) {
  AddPython(42);
  FakeProbes probes;
  Start(&probes);
  time_.Advance(10 * kSecond);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  EXPECT_EQ(results_.at(0).outcome, core::CommandOutcome::kDone);
  EXPECT_TRUE(probes.birth_requests.empty());
}

TEST_F(AgentTest, BirthsStandInForAWindowThatWasRefused) {
  AddPython(42);
  FakeProbes probes;
  probes.window = absl::ResourceExhaustedError("31 % of a core");
  probes.births = BirthsAt(5);
  AskOf(probes, core::CommandKind::kOpenWindow, {"orders.Order"});
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kDone);
  EXPECT_EQ(probes.birth_requests.size(), 1u);
}

// The window had answered the command: the refusal went nowhere.
TEST_F(AgentTest, BirthsRefusedBehindAWindowAreTold) {
  AddPython(42);
  FakeProbes probes;
  probes.births = absl::FailedPreconditionError("no debug register is free");
  probes.during_window = [this] {
    inspector_.censuses.at(42)->types[0].bytes += 1'000'000;
  };
  Start(&probes);
  time_.Advance(10 * kSecond);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kDone);
  const core::StackProfile& profile =
      reports_.back().snapshots.at(0).stack_profiles.at(0);
  EXPECT_EQ(profile.kind, core::ProfileKind::kBirth);
  EXPECT_EQ(profile.command_id, 7u);
  EXPECT_TRUE(profile.counts.empty());
  EXPECT_EQ(profile.refusal,
            "births of orders.Order were not followed: no debug register is "
            "free");
  EXPECT_EQ(agent_->status().commands.births_refused, 1);
  time_.Advance(10 * kSecond);
  const auto stacks = [this] {
    for (const core::TierStatus& tier : Last(42)->tiers) {
      if (tier.tier == core::Tier::kStacks) return tier;
    }
    return core::TierStatus();
  };
  EXPECT_TRUE(stacks().ok) << "windows work";
  EXPECT_THAT(stacks().reason, HasSubstr("no debug register is free"));

  // They can be followed again.
  probes.births = BirthsAt(5);
  agent_->HandleCommand(CommandFor(42, core::CommandKind::kOpenWindow));
  time_.Advance(10 * kSecond);
  EXPECT_EQ(stacks().reason, "");
  EXPECT_EQ(agent_->status().commands.births_followed, 1);
}

TEST_F(AgentTest, BirthsThatWereRefusedAreToldBesideThoseThatWereFollowed) {
  AddPython(42);
  inspector_.censuses.at(42)->types.push_back({"orders.Line", 0x2000, 5, 500});
  FakeProbes probes;
  probes.births_of["orders.Order"] =
      absl::UnimplementedError("its objects are large");
  probes.births = BirthsAt(5);
  AskOf(probes, core::CommandKind::kOpenWindow,
        {"orders.Order", "orders.Line"});
  const auto& profiles = reports_.back().snapshots.at(0).stack_profiles;
  ASSERT_EQ(profiles.size(), 2u);
  EXPECT_FALSE(profiles[0].counts.empty());
  EXPECT_THAT(profiles[1].refusal, HasSubstr("orders.Order were not followed"));
}

TEST_F(AgentTest, WhereWindowAndBirthsAreRefusedBothReasonsAreTold) {
  AddPython(42);
  FakeProbes probes;
  probes.window = absl::ResourceExhaustedError("31 % of a core");
  AskOf(probes, core::CommandKind::kOpenWindow, {"orders.Order"});
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kRefused);
  EXPECT_EQ(results_[0].reason,
            "31 % of a core; births of orders.Order were not followed: no "
            "debug register is free");
}

TEST_F(AgentTest, AWindowStandsInForBirthsThatWereRefused) {
  AddPython(42);
  FakeProbes probes;
  core::RawProfile raw;
  raw.stacks.resize(1);
  raw.profile.counts.resize(1);
  raw.profile.counts[0].allocations = 500;
  probes.window = raw;
  core::Command command =
      AskOf(probes, core::CommandKind::kWatchBirths, {"orders.Order"});
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kDone);
  EXPECT_EQ(results_[0].reason,
            "births of orders.Order were not followed: no debug register is "
            "free; a window was taken in their place");
  EXPECT_EQ(probes.birth_requests.size(), 1u) << "not asked for again";
  const auto& profiles = reports_.back().snapshots.at(0).stack_profiles;
  ASSERT_EQ(profiles.size(), 2u);
  EXPECT_EQ(profiles[0].kind, core::ProfileKind::kWindow);
  EXPECT_EQ(profiles[0].counts.at(0).allocations, 500);
  EXPECT_THAT(profiles[1].refusal, HasSubstr("no debug register"));

  ++command.id;
  probes.window = absl::ResourceExhaustedError("31 % of a core");
  agent_->HandleCommand(command);
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_EQ(results_[1].outcome, core::CommandOutcome::kRefused);
  EXPECT_THAT(results_[1].reason, HasSubstr("no debug register is free; no "
                                            "window in their place: 31 %"));
}

TEST_F(AgentTest, ABirthCommandNamesItsType) {
  AddPython(42);
  FakeProbes probes;
  probes.births = BirthsAt(5);
  core::Command command =
      AskOf(probes, core::CommandKind::kWatchBirths, {"orders.Order"});
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].outcome, core::CommandOutcome::kDone);
  ++command.id;
  command.types = {"orders.Gone"};
  agent_->HandleCommand(command);
  ASSERT_EQ(results_.size(), 2u);
  EXPECT_EQ(results_[1].outcome, core::CommandOutcome::kRefused);
}

}  // namespace
}  // namespace plimsoll::agent
