// What the agent finds and reports.
#include "tests/replay/agent/agent_fixture.h"

namespace plimsoll::agent {
namespace {

TEST_F(AgentTest, ReportsMemoryCensusAndWhoItIs) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  ASSERT_EQ(reports_.size(), 1u);
  const core::NodeReport& report = reports_[0];
  EXPECT_EQ(report.boot_id, "boot");
  ASSERT_EQ(report.processes.size(), 1u);
  EXPECT_EQ(report.processes[0].description.workload.name, "orders");
  EXPECT_EQ(report.processes[0].description.command, "python3 orders.py");
  ASSERT_EQ(report.snapshots.size(), 1u);
  const core::Snapshot& snapshot = report.snapshots[0];
  EXPECT_EQ(snapshot.process, (core::ProcessId{42, 1042, 0}));
  EXPECT_EQ(snapshot.memory->anon_bytes, 5000 * 1024);
  EXPECT_EQ(snapshot.memory->cgroup->limit_bytes, 9'000'000);
  EXPECT_EQ(snapshot.census->types[0].type, "orders.Order");
  EXPECT_EQ(snapshot.gc->source, "generation_stats");
  // Tiers are told, with reasons, and only again when they change.
  std::string reasons;
  for (const core::TierStatus& tier : snapshot.tiers) reasons += tier.reason;
  EXPECT_THAT(reasons, HasSubstr("not probed: BPF is off"));
  time_.Advance(10 * kSecond);
  EXPECT_TRUE(Last(42)->tiers.empty());
  EXPECT_TRUE(reports_[1].processes.empty());
  EXPECT_FALSE(Last(42)->census.has_value());  // not measured again yet
}

TEST_F(AgentTest, ANewCollectorIsToldEverythingAgain) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  agent_->HandleConnected();
  time_.Advance(10 * kSecond);
  EXPECT_EQ(reports_[1].processes.size(), 1u);
  EXPECT_FALSE(Last(42)->tiers.empty());
}

TEST_F(AgentTest, WhatIsNotPythonIsAskedAboutOncePerFile) {
  for (int32_t pid = 100; pid < 150; ++pid) {
    root_.AddProcess(pid).Stat(5).Status(1).Maps(kShellMaps);
  }
  Start();
  time_.Advance(600 * kSecond);
  EXPECT_EQ(inspector_.identified, 1);
  EXPECT_EQ(agent_->status().processes, 0);
}

TEST_F(AgentTest, ExecIntoPythonIsFoundByEventAndByScan) {
  for (int32_t pid : {50, 51}) {
    root_.AddProcess(pid)
        .Stat(1000 + static_cast<uint64_t>(pid), "sh", 1)
        .Status(1)
        .Maps(kShellMaps);
  }
  Start();
  time_.Advance(20 * kSecond);
  AddPython(50);
  AddPython(51);
  agent_->HandleExec(50);
  time_.Advance(2 * kSecond);
  EXPECT_EQ(agent_->status().processes, 1);
  time_.Advance(400 * kSecond);
  EXPECT_EQ(agent_->status().processes, 2);
  // The start time is the shell's; the image is another.
  EXPECT_EQ(Last(51)->process.exec_seq, 1u);
}

TEST_F(AgentTest, ExecOfAWatchedProcessEndsOneLifeAndBeginsAnother) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  root_.AddProcess(42).Stat(1042, "python3", /*start_stack=*/999);
  time_.Advance(10 * kSecond);
  bool ended = false;
  for (const core::Snapshot& snapshot : reports_.back().snapshots) {
    ended |= snapshot.process.exec_seq == 0 && snapshot.memory->exited;
  }
  EXPECT_TRUE(ended);
  EXPECT_NE(agent_->status().processes, 0);
}

// The kernel gives a pid away again: no figure of one may land with the other.
TEST_F(AgentTest, AReusedPidIsAnotherProcess) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  root_.RemoveProcess(42);
  AddPython(42, 7000);
  root_.AddProcess(42).Stat(5000);  // started later
  time_.Advance(20 * kSecond);
  bool ended = false;
  for (const core::NodeReport& report : reports_) {
    for (const core::Snapshot& snapshot : report.snapshots) {
      if (snapshot.process.start_ticks != 1042) continue;
      ended |= snapshot.memory->exited;
      EXPECT_EQ(snapshot.memory->anon_bytes, 5000 * 1024);
    }
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(Last(42)->process.start_ticks, 5000u);
  EXPECT_EQ(Last(42)->memory->anon_bytes, 7000 * 1024);
  EXPECT_EQ(agent_->status().processes, 1);
}

TEST_F(AgentTest, ExitGivesALastSnapshotWithTheCause) {
  AddPython(42);
  FakeProbes probes;
  Start(&probes);
  time_.Advance(10 * kSecond);
  agent_->HandleOomVictim(42);
  root_.RemoveProcess(42);
  root_.CgroupFile("/app", "memory.events", "oom 1\noom_kill 1\n");
  agent_->HandleExit(42);
  time_.Advance(10 * kSecond);
  const core::Snapshot* last = Last(42);
  ASSERT_TRUE(last->memory->exited);
  EXPECT_TRUE(last->memory->oom_killed);
  EXPECT_EQ(last->memory->anon_bytes, 5000 * 1024);
  EXPECT_EQ(last->memory->cgroup->oom_kills, 1);
  EXPECT_EQ(probes.detached.size(), 1u);
  time_.Advance(10 * kSecond);
  EXPECT_TRUE(reports_.back().snapshots.empty());
}

TEST_F(AgentTest, AProcessThatVanishesIsTakenOutByTheSample) {
  AddPython(42);
  Start();
  time_.Advance(10 * kSecond);
  root_.RemoveProcess(42);
  time_.Advance(10 * kSecond);
  EXPECT_TRUE(Last(42)->memory->exited);
  EXPECT_EQ(agent_->status().processes, 0);
}

// Events rest for up to 200 ms; a sample or a scan may see the end before them.
TEST_F(AgentTest, AnOomKillThatTheSampleSeesBeforeItsEventIsStillOne) {
  AddPython(42);
  Start();
  time_.Advance(11 * kSecond);
  root_.RemoveProcess(42);
  waiting_events_ = [this] {
    agent_->HandleOomVictim(42);
    agent_->HandleExit(42);
  };
  agent_->ReportNow();
  ASSERT_TRUE(Last(42)->memory->exited);
  EXPECT_TRUE(Last(42)->memory->oom_killed);
  EXPECT_EQ(agent_->status().processes, 0);
}

TEST_F(AgentTest, AnOomKillThatTheScanSeesBeforeItsEventIsStillOne) {
  AddPython(42);
  Start();
  time_.Advance(11 * kSecond);
  root_.RemoveProcess(42);
  waiting_events_ = [this] { agent_->HandleOomVictim(42); };
  agent_->ScanNow();
  agent_->ReportNow();
  ASSERT_TRUE(Last(42)->memory->exited);
  EXPECT_TRUE(Last(42)->memory->oom_killed);
}

// Its parent has not waited for it yet: /proc shows it as a zombie.
TEST_F(AgentTest, AnOomKillOfAZombieIsStillOne) {
  AddPython(42);
  Start();
  time_.Advance(11 * kSecond);
  root_.AddProcess(42).File("stat",
                            "42 (python3) Z 1 42 42 0 -1 4194304 900 0 7 0 11 "
                            "5 0 0 20 0 1 0 1042 0 0 18446744073709551615 0 0 "
                            "0 0 0 0 0 0 0 0 0 0\n");
  waiting_events_ = [this] {
    agent_->HandleOomVictim(42);
    agent_->HandleExit(42);
  };
  agent_->ScanNow();
  agent_->ReportNow();
  ASSERT_TRUE(Last(42)->memory->exited);
  EXPECT_TRUE(Last(42)->memory->oom_killed);
}

TEST_F(AgentTest, AnUnknownPythonStillGetsTierZero) {
  AddPython(42);
  inspector_.pythons.insert_or_assign(
      42, absl::UnimplementedError("CPython 2.7 is not supported"));
  Start();
  time_.Advance(10 * kSecond);
  EXPECT_GT(Last(42)->memory->anon_bytes, 0);
  EXPECT_FALSE(Last(42)->census.has_value());
  EXPECT_EQ(reports_[0].processes[0].refusal, "CPython 2.7 is not supported");
  EXPECT_EQ(Last(42)->losses.at("unsupported_python"), 1);
  EXPECT_EQ(inspector_.full, 0);
}

const core::TierStatus* TierOf(const core::Snapshot& snapshot,
                               core::Tier wanted) {
  for (const core::TierStatus& tier : snapshot.tiers) {
    if (tier.tier == wanted) return &tier;
  }
  return nullptr;
}

TEST_F(AgentTest, AnUnknownPythonsGrowthIsSampledByNativeStacks) {
  AddPython(42);
  inspector_.pythons.insert_or_assign(
      42, absl::UnimplementedError("a free-threaded CPython"));
  AddPython(43);
  // No answer about the program: nothing is known of it.
  inspector_.pythons.insert_or_assign(43, absl::InternalError("it crashed"));
  FakeProbes probes;
  Start(&probes);
  time_.Advance(10 * kSecond);
  ASSERT_EQ(probes.native_growth.size(), 1u);
  EXPECT_EQ(probes.native_growth[0].pid, 42);
  EXPECT_TRUE(probes.attached.empty());
  for (const core::Tier tier : {core::Tier::kGc, core::Tier::kStacks}) {
    const core::TierStatus* status = TierOf(*Last(42), tier);
    ASSERT_NE(status, nullptr);
    EXPECT_FALSE(status->ok);
    EXPECT_EQ(status->reason, "native stacks only: a free-threaded CPython");
    EXPECT_EQ(status->rung, "page-faults");
  }
  // A profile goes out with its native frames, though nobody unwinds here.
  probes.sample.growth.emplace();
  probes.sample.growth->profile.kind = core::ProfileKind::kPage;
  probes.sample.growth->stacks.resize(1);
  probes.sample.growth->snapshots.resize(1);
  time_.Advance(20 * kSecond);
  bool shipped = false;
  for (const core::NodeReport& report : reports_) {
    for (const core::Snapshot& snapshot : report.snapshots) {
      shipped |= snapshot.process.pid == 42 && !snapshot.stack_profiles.empty();
    }
  }
  EXPECT_TRUE(shipped);
  probes.sample.growth_refusal = "budget: too dear";
  time_.Advance(10 * kSecond);
  EXPECT_EQ(TierOf(*Last(42), core::Tier::kGc)->reason,
            "a free-threaded CPython; no native stacks: budget: too dear");
}

TEST_F(AgentTest, NativeStacksThatCannotBeHadAreToldOfWithTheRefusal) {
  AddPython(42);
  inspector_.pythons.insert_or_assign(
      42, absl::UnimplementedError("a free-threaded CPython"));
  FakeProbes probes;
  probes.no_native_growth = "no perf events";
  Start(&probes);
  time_.Advance(10 * kSecond);
  EXPECT_EQ(TierOf(*Last(42), core::Tier::kGc)->reason,
            "a free-threaded CPython; no native stacks: no perf events");
  EXPECT_EQ(TierOf(*Last(42), core::Tier::kStacks)->reason,
            "not probed: a free-threaded CPython");
}

TEST_F(AgentTest, AHeapThatKillsItsReaderIsRefusedOnce) {
  AddPython(42);
  inspector_.censuses.insert_or_assign(42,
                                       absl::InternalError("parser crashed"));
  Start();
  time_.Advance(300 * kSecond);
  EXPECT_EQ(inspector_.full, 1);
  EXPECT_EQ(agent_->status().losses["inspector_crashed"], 1);
  EXPECT_GT(Last(42)->memory->anon_bytes, 0);
}

// Probing may end for a whole node while its processes go on.
TEST_F(AgentTest, ProbingThatEndsIsToldOfProcessesThatWereKnown) {
  AddPython(42);
  FakeProbes probes;
  Start(&probes);
  time_.Advance(10 * kSecond);
  const auto stacks = [&] {
    for (const core::TierStatus& tier : Last(42)->tiers) {
      if (tier.tier == core::Tier::kStacks) return tier.reason;
    }
    return std::string("not told");
  };
  EXPECT_EQ(stacks(), "");
  probes.refused = "a process was ended by SIGTRAP";
  time_.Advance(10 * kSecond);
  EXPECT_EQ(stacks(), "not probed: a process was ended by SIGTRAP");
}

TEST_F(AgentTest, PausesAndGrowthArriveInTheStream) {
  AddPython(42);
  FakeProbes probes;
  Start(&probes);
  time_.Advance(10 * kSecond);
  probes.sample.pauses.resize(1);
  probes.sample.pauses[0].count = 3;
  probes.sample.growth.emplace();
  probes.sample.growth->profile.kind = core::ProfileKind::kPage;
  probes.sample.growth->stacks.resize(1);
  probes.sample.growth->stacks[0].frames = {{8, 9}};
  time_.Advance(10 * kSecond);
  // No counts were read in this stretch, and zero would be a lie: the pauses
  // wait for the next reading of the headers.
  EXPECT_FALSE(Last(42)->gc.has_value());
  // Named in between, so that it goes with the next report.
  time_.Advance(10 * kSecond);
  bool found = false;
  for (const core::Snapshot& snapshot : reports_.back().snapshots) {
    for (const core::StackProfile& profile : snapshot.stack_profiles) {
      found |= profile.stacks[0].frames[0].function == "f8";
    }
  }
  EXPECT_TRUE(found);
  while (!Last(42)->gc) time_.Advance(10 * kSecond);
  EXPECT_EQ(Last(42)->gc->pauses[0].count, 3);
  EXPECT_EQ(Last(42)->gc->state.generations[0].collections, 4);
  EXPECT_THAT(Last(42)->gc->source, HasSubstr("usdt"));
}

}  // namespace
}  // namespace plimsoll::agent
