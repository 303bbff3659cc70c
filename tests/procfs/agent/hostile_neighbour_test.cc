// A process whose memory is crafted against the reader of heaps, beside a
// healthy one, under a running agent: the reader's child and both targets are
// real, the agent's clock is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "agent/core/implausible_heap.h"
#include "agent/inspector/blocking_inspector.h"
#include "tests/procfs/agent/inspector/inspector_options.h"
#include "tests/support/fake_agent_world.h"
#include "tests/support/fake_proc_root.h"
#include "tests/support/heap_target.h"

namespace plimsoll::agent {
namespace {

using testing::FakeProcRoot;
using testing::FakeTime;
using testing::HeapTarget;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kVehicles = 20000;
constexpr char kPythonMaps[] =
    "400000-500000 r-xp 00000000 fe:01 131 /usr/bin/python3\n";

// The product's reader behind the agent's port, for a loop that stands still.
class RealInspector final : public core::Inspector {
 public:
  explicit RealInspector(std::unique_ptr<inspector::BlockingInspector> blocking)
      : blocking_(std::move(blocking)) {}
  void Identify(int32_t pid, IdentifyDone done) override {
    done(blocking_->Identify(pid));
  }
  void TakeCensus(const core::PythonProcess& python,
                  core::CensusOptions options, CensusDone done) override {
    done(blocking_->TakeCensus(python, options));
  }
  void Symbolize(const core::PythonProcess& python,
                 std::vector<core::RawFrame> frames,
                 SymbolizeDone done) override {
    done(blocking_->Symbolize(python, std::move(frames)));
  }
  // User and system time of the child.
  int64_t CpuNs() const {
    std::ifstream file("/proc/" + std::to_string(blocking_->stats().child_pid) +
                       "/stat");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    std::istringstream rest(text.substr(text.rfind(')') + 2));
    std::string word;
    int64_t ticks = 0;
    for (int field = 3; rest >> word && field <= 15; ++field) {
      if (field >= 14) ticks += std::stoll(word);
    }
    return ticks * (kSecond / ::sysconf(_SC_CLK_TCK));
  }
  inspector::InspectorStats stats() const { return blocking_->stats(); }

 private:
  std::unique_ptr<inspector::BlockingInspector> blocking_;
};

class HostileNeighbour : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::vector<std::string> pythons = testing::SupportedPythons();
    if (pythons.empty()) GTEST_SKIP() << "no Python that can be read is here";
    healthy_ = std::make_unique<HeapTarget>(
        pythons[0], std::vector<std::string>{std::to_string(kVehicles)});
    hostile_ =
        std::make_unique<HeapTarget>(pythons[0], std::vector<std::string>{"8"},
                                     "tests/support/hostile_heap.py");
    ASSERT_TRUE(healthy_->Next() && healthy_->WriteLine("go") &&
                healthy_->Next());
    ASSERT_TRUE(hostile_->Next());
    auto blocking = inspector::BlockingInspector::Make(inspector::Options());
    ASSERT_TRUE(blocking.ok()) << blocking.status();
    inspector_ = std::make_unique<RealInspector>(*std::move(blocking));
    root_.File("meminfo", "MemTotal: 1000 kB\nMemAvailable: 600 kB\n");
    for (const int32_t pid : {healthy_->pid(), hostile_->pid()}) {
      root_.AddProcess(pid).Stat(1000).Status(5000).Maps(kPythonMaps);
    }
    AgentPorts ports;
    ports.inspector = inspector_.get();
    ports.no_probes = "BPF is off";
    ports.clock = &time_;
    ports.timers = &time_;
    ports.cpu_ns = [this] { return inspector_->CpuNs(); };
    ports.rss_bytes = [] { return 0; };
    ports.on_report = [this](const core::NodeReport& report) {
      for (const core::Snapshot& snapshot : report.snapshots) {
        if (!snapshot.census || snapshot.census_headers_only) continue;
        (snapshot.process.pid == healthy_->pid() ? healthy_seen_
                                                 : hostile_seen_)
            .push_back(*snapshot.census);
      }
    };
    agent_ = std::make_unique<Agent>(
        config_, std::move(ports), AgentIdentity{"boot", "node-1", 2, 100},
        procfs::ProcRoot(root_.proc()), procfs::CgroupReader({}));
  }

  Config config_;
  FakeProcRoot root_;
  FakeTime time_;
  std::unique_ptr<HeapTarget> healthy_, hostile_;
  std::unique_ptr<RealInspector> inspector_;
  std::vector<core::HeapCensus> healthy_seen_, hostile_seen_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(HostileNeighbour, LeavesTheOthersFiguresRight) {
  agent_->Start();
  // A sanitized reader costs more than the budget of so short a time.
  for (int minutes = 0;
       minutes < 60 && (healthy_seen_.size() < 2 || hostile_seen_.empty());
       ++minutes) {
    time_.Advance(60 * kSecond);
  }
  ASSERT_GE(healthy_seen_.size(), 2u);
  for (const core::HeapCensus& census : healthy_seen_) {
    int64_t vehicles = 0;
    for (const core::TypeCount& type : census.types) {
      if (type.type == "routing.vehicles.FloatingVehicle") {
        vehicles = type.objects;
      }
    }
    EXPECT_EQ(vehicles, kVehicles);
    EXPECT_EQ(census.coverage.seen, census.coverage.total);
    EXPECT_EQ(census.implausible_claims, 0);
  }
  ASSERT_FALSE(hostile_seen_.empty());
  for (const core::HeapCensus& census : hostile_seen_) {
    EXPECT_TRUE(core::IsImplausible(census)) << census.implausible_claims;
  }
  const Agent::Status status = agent_->status();
  EXPECT_GT(status.census.implausible_claims, 1000);
  RecordProperty("implausible_claims",
                 std::to_string(status.census.implausible_claims));
  EXPECT_GE(status.census.implausible,
            static_cast<int64_t>(hostile_seen_.size()));
  EXPECT_EQ(status.census.failed, 0);
  EXPECT_EQ(inspector_->stats().crashes, 0);
}

}  // namespace
}  // namespace plimsoll::agent
