// The whole agent over a made /proc and a given Inspector: what it reports.
#include "agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_agent_world.h"
#include "tests/support/fake_proc_root.h"

namespace plimsoll::agent {
namespace {

using testing::FakeInspector;
using testing::FakeProbes;
using testing::FakeProcRoot;
using testing::FakeTime;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;
constexpr char kPythonMaps[] =
    "400000-500000 r-xp 00000000 fe:01 131 /usr/bin/python3.11\n";
constexpr char kShellMaps[] = "400000-500000 r-xp 00000000 fe:01 99 /bin/sh\n";

class AgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_.File("meminfo", "MemTotal: 1000 kB\nMemAvailable: 600 kB\n");
    root_.CgroupFile("/app", "memory.current", "5000000\n")
        .CgroupFile("/app", "memory.max", "9000000\n")
        .CgroupFile("/app", "memory.events", "oom 0\noom_kill 0\n");
  }
  void AddPython(int32_t pid, int64_t anon_kb = 5000) {
    root_.AddProcess(pid)
        .Stat(1000 + static_cast<uint64_t>(pid))
        .Status(anon_kb)
        .Maps(kPythonMaps)
        .Cgroup("0::/app\n")
        .List("cmdline", {"python3", "orders.py"})
        .List("environ", {"OTEL_SERVICE_NAME=orders", "SECRET=x"});
    core::PythonProcess python;
    python.pid = pid;
    python.build.version = {3, 11, 2};
    python.build.probes.resize(2);
    python.build.probes[0].kind = core::ProbeKind::kObjectMalloc;
    python.build.probes[1].kind = core::ProbeKind::kObjectFree;
    python.allocator = "pymalloc";
    inspector_.pythons.insert_or_assign(pid, python);
    core::HeapCensus census;
    census.types = {{"orders.Order", 0x1000, 10, 1000}};
    census.size_classes = {{64, 1, 10, 5}};
    census.gc.generations = {{4, 0, 0}, {2, 0, 0}, {1, 0, 0}};
    inspector_.censuses.insert_or_assign(pid, census);
  }
  void Start(core::ProbePort* probes = nullptr) {
    AgentPorts ports;
    ports.inspector = &inspector_;
    ports.probes = probes;
    ports.no_probes = "BPF is off";
    ports.clock = &time_;
    ports.timers = &time_;
    ports.cpu_ns = [this] {
      return cpu_ns_ + census_cost_ns_ * (inspector_.full + inspector_.headers);
    };
    ports.rss_bytes = [] { return 0; };
    ports.on_report = [this](const core::NodeReport& report) {
      reports_.push_back(report);
    };
    ports.on_result = [this](core::CommandResult result) {
      results_.push_back(std::move(result));
    };
    agent_ = std::make_unique<Agent>(
        config_, std::move(ports), AgentIdentity{"boot", "node-1", 9999, 100},
        procfs::ProcRoot(root_.proc()),
        procfs::CgroupReader({{2, "/", root_.cgroup()}}));
    agent_->Start();
  }
  const core::Snapshot* Last(int32_t pid) {
    const core::Snapshot* last = nullptr;
    for (const core::NodeReport& report : reports_) {
      for (const core::Snapshot& snapshot : report.snapshots) {
        if (snapshot.process.pid == pid) last = &snapshot;
      }
    }
    return last;
  }
  core::Command CommandFor(int32_t pid, core::CommandKind kind) {
    core::Command command;
    command.id = 7;
    command.kind = kind;
    command.boot_id = "boot";
    command.process = {pid, 1000 + static_cast<uint64_t>(pid), 0};
    return command;
  }

  Config config_;
  FakeProcRoot root_;
  FakeTime time_;
  FakeInspector inspector_;
  int64_t cpu_ns_ = 0;
  int64_t census_cost_ns_ = 0;
  std::vector<core::NodeReport> reports_;
  std::vector<core::CommandResult> results_;
  std::unique_ptr<Agent> agent_;
};

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

TEST_F(AgentTest, AnIdleHeapIsLeftAloneAfterItsFirstCensus) {
  AddPython(42, /*anon_kb=*/100'000);
  Start();
  time_.Advance(50 * kSecond);
  EXPECT_EQ(inspector_.full, 1);
  EXPECT_EQ(inspector_.headers, 1);
  time_.Advance(550 * kSecond);
  EXPECT_LE(inspector_.full, 3);
  EXPECT_GE(inspector_.headers, 4);
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

TEST_F(AgentTest, PastTheCpuBudgetHeapsAreLookedAtLessOften) {
  for (int32_t pid = 1; pid <= 20; ++pid) AddPython(100 + pid);
  Start();
  int64_t begin_full = inspector_.full;
  // Each second costs a tenth of one: twice the budget by itself.
  for (int i = 0; i < 600; ++i) {
    cpu_ns_ += kSecond / 10;
    time_.Advance(kSecond);
  }
  EXPECT_LT(inspector_.full + inspector_.headers - begin_full, 80);
  EXPECT_GT(agent_->status().losses["cpu_budget"], 0);
  EXPECT_EQ(reports_.size(), 60u);  // tier 0 goes on
}

// Twenty heaps at once would cost the first minute more than the agent's share;
// the one that leaks must not wait for its turn.
TEST_F(AgentTest, FirstLooksAreSpreadButWhatGrowsIsLookedAtFirst) {
  for (int32_t pid = 1; pid <= 20; ++pid) AddPython(100 + pid, 100'000);
  census_cost_ns_ = 28'000'000;
  Start();
  for (int second = 1; second <= 20; ++second) {
    root_.AddProcess(120).Status(100'000 + 200 * second);
    time_.Advance(kSecond);
  }
  EXPECT_LT(inspector_.full, 15);
  EXPECT_GE(inspector_.looked_at[120], 1);
  time_.Advance(40 * kSecond);
  EXPECT_LE(census_cost_ns_ * (inspector_.full + inspector_.headers),
            kSecond * 80 / 100);
  time_.Advance(60 * kSecond);
  EXPECT_EQ(inspector_.looked_at.size(), 20u);
  EXPECT_EQ(agent_->status().losses["cpu_budget"], 0);
}

// What grows may use up the whole budget, but not keep the rest from ever
// being looked at.
TEST_F(AgentTest, GrowingHeapsDoNotStarveTheOthers) {
  for (int32_t pid = 101; pid <= 105; ++pid) AddPython(pid, 100'000);
  AddPython(120, 100'000);
  census_cost_ns_ = kSecond;
  Start();
  for (int second = 1; second <= 400; ++second) {
    for (int32_t pid = 101; pid <= 105; ++pid) {
      root_.AddProcess(pid).Status(100'000 + 500 * second);
    }
    time_.Advance(kSecond);
  }
  EXPECT_GE(inspector_.looked_at[120], 1);
}

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
  EXPECT_THAT(results_[3].reason, HasSubstr("WatchBirths"));
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
