// The whole agent over a made /proc and a given Inspector, for the tests of
// what it reports.
#ifndef PLIMSOLL_TESTS_REPLAY_AGENT_AGENT_FIXTURE_H_
#define PLIMSOLL_TESTS_REPLAY_AGENT_AGENT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "tests/support/fake_agent_world.h"
#include "tests/support/fake_proc_root.h"

namespace plimsoll::agent {

using testing::FakeInspector;
using testing::FakeProbes;
using testing::FakeProcRoot;
using testing::FakeTime;
using ::testing::HasSubstr;

inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr char kPythonMaps[] =
    "400000-500000 r-xp 00000000 fe:01 131 /usr/bin/python3.11\n";
inline constexpr char kShellMaps[] =
    "400000-500000 r-xp 00000000 fe:01 99 /bin/sh\n";

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
    ports.pods = pods_;
    ports.requests = requests_;
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
    ports.take_events = [this] {
      if (auto events = std::exchange(waiting_events_, nullptr)) events();
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
    command.id = next_command_id_++;
    command.kind = kind;
    command.boot_id = "boot";
    command.process = {pid, 1000 + static_cast<uint64_t>(pid), 0};
    return command;
  }
  // Starts with these probes and has the command run about process 42.
  core::Command AskOf(core::ProbePort& probes, core::CommandKind kind,
                      std::vector<std::string> types) {
    Start(&probes);
    time_.Advance(10 * kSecond);
    core::Command command = CommandFor(42, kind);
    command.types = std::move(types);
    agent_->HandleCommand(command);
    return command;
  }

  uint64_t next_command_id_ = 7;
  Config config_;
  FakeProcRoot root_;
  FakeTime time_;
  FakeInspector inspector_;
  int64_t cpu_ns_ = 0;
  int64_t census_cost_ns_ = 0;
  const core::PodDirectory* pods_ = nullptr;
  core::RequestPort* requests_ = nullptr;
  std::function<void()> waiting_events_;  // what the kernel's ring holds
  std::vector<core::NodeReport> reports_;
  std::vector<core::CommandResult> results_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace plimsoll::agent

#endif  // PLIMSOLL_TESTS_REPLAY_AGENT_AGENT_FIXTURE_H_
