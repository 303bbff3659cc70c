// The real plimsoll-agent in surroundings that are broken: no permission, no
// BPF, no room to write, a target that the kernel kills, programs that come and
// go by the hundred.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/support/fake_collector.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_dir.h"

namespace plimsoll {
namespace {

using testing::BinDir;
using testing::CommandOptions;
using testing::CommandResult;
using testing::FakeCollector;
using ::testing::HasSubstr;
using testing::RunCommand;
using testing::RunningCommand;
using testing::TempDir;

constexpr char kPython[] = "/usr/bin/python3.11";
// In a plain chroot, whose root is no mount.
constexpr char kNoNamespace[] = "no mount namespace can be made here";

bool CanMakeMountNamespace() {
  return RunCommand({"/usr/bin/unshare", "-m", "/bin/true"}).exit_code == 0;
}

class SurroundingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (::access(kPython, X_OK) != 0) GTEST_SKIP() << "needs " << kPython;
    collector_.Start();
    Configure((dir_.path() / "state").string(), collector_.address());
  }
  void Configure(const std::string& state_dir, const std::string& collector) {
    std::ofstream(config()) << "collector: \"" << collector
                            << "\"\nlisten: \"\"\nstate_dir: " << state_dir
                            << "\nmemory_period: 200ms\n";
  }
  std::string config() { return (dir_.path() / "agent.yaml").string(); }
  // The agent, behind words that prepare its surroundings.
  std::vector<std::string> Agent(std::vector<std::string> before = {}) {
    for (const std::string& word :
         {BinDir() + "/plimsoll-agent", std::string("--config"), config()}) {
      before.push_back(word);
    }
    return before;
  }
  // In a mount namespace of its own with a small tmpfs as state directory.
  std::vector<std::string> AgentOnTmpfs(const std::string& options) {
    const std::string state = (dir_.path() / "tmpfs").string();
    std::filesystem::create_directory(state);
    Configure(state, "127.0.0.1:1");
    return Agent(
        {"/usr/bin/unshare", "-m", "/bin/sh", "-c",
         "mount -t tmpfs -o " + options + " none " + state + " && exec \"$@\"",
         "sh"});
  }

  // The tiers of a Python, as an agent with this bounding set tells them.
  std::map<v1::Tier, v1::TierStatus> TiersWith(const std::string& bounding) {
    const RunningCommand python(
        {kPython, "-c",
         "import time\nkeep = [[] for _ in range(50000)]\n"
         "while True: time.sleep(0.1)"});
    return TiersWith(bounding, python);
  }
  std::map<v1::Tier, v1::TierStatus> TiersWith(const std::string& bounding,
                                               const RunningCommand& python) {
    RunningCommand agent(
        Agent({"/usr/bin/setpriv", "--no-new-privs", "--inh-caps=-all",
               "--bounding-set=" + bounding}));
    std::map<v1::Tier, v1::TierStatus> tiers;
    EXPECT_TRUE(collector_.WaitFor(
        [&] {
          bool census = false;
          tiers.clear();
          for (const v1::Batch& batch : collector_.batches()) {
            for (const v1::Snapshot& snapshot : batch.snapshots()) {
              if (snapshot.process().pid() != python.pid()) continue;
              census |= snapshot.has_census() && snapshot.has_memory();
              for (const v1::TierStatus& tier : snapshot.tiers()) {
                tiers[tier.tier()] = tier;
              }
            }
          }
          return census && tiers.contains(v1::TIER_GC);
        },
        std::chrono::seconds(60)));
    agent.Signal(SIGTERM);
    EXPECT_EQ(agent.Wait().exit_code, 0);
    return tiers;
  }

  TempDir dir_;
  FakeCollector collector_;
};

TEST_F(SurroundingsTest, WithoutPtraceItSaysWhatToGrantAndEndsWithThree) {
  const CommandResult result =
      RunCommand(Agent({"/usr/bin/setpriv", "--bounding-set=-sys_ptrace",
                        "--inh-caps=-sys_ptrace"}));
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err + result.out, HasSubstr("CAP_SYS_PTRACE"));
  EXPECT_THAT(result.err + result.out, HasSubstr("setcap"));
}

TEST_F(SurroundingsTest, AsAnOrdinaryUserItEndsWithThree) {
  std::filesystem::permissions(dir_.path(), std::filesystem::perms::all);
  const CommandResult result =
      RunCommand(Agent(), CommandOptions{.as_nobody = true});
  if (result.exit_code == 127) {
    GTEST_SKIP() << "the build directory is closed to other users";
  }
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err + result.out, HasSubstr("Run as root"));
}

// What the chart grants (helm/plimsoll/values.yaml), and each of them away.
TEST_F(SurroundingsTest, TheChartsCapabilitiesAreEnough) {
  const std::map<v1::Tier, v1::TierStatus> tiers = TiersWith(
      "-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search,"
      "+checkpoint_restore");
  for (const v1::Tier tier : {v1::TIER_MEMORY, v1::TIER_GC, v1::TIER_HEADERS,
                              v1::TIER_CENSUS, v1::TIER_STACKS}) {
    ASSERT_TRUE(tiers.contains(tier)) << tier;
    EXPECT_TRUE(tiers.at(tier).ok()) << tiers.at(tier).reason();
  }
}

TEST_F(SurroundingsTest, WithoutBpfTiersZeroToThreeGoOnAndTheReasonIsTold) {
  for (const char* missing :
       {"-bpf,-sys_admin,-perfmon", "-perfmon,-sys_admin"}) {
    const std::map<v1::Tier, v1::TierStatus> tiers = TiersWith(missing);
    EXPECT_TRUE(tiers.contains(v1::TIER_CENSUS) &&
                tiers.at(v1::TIER_CENSUS).ok());
    ASSERT_TRUE(tiers.contains(v1::TIER_GC)) << missing;
    EXPECT_FALSE(tiers.at(v1::TIER_GC).ok()) << missing;
    EXPECT_THAT(tiers.at(v1::TIER_GC).reason(), HasSubstr("not probed"));
    EXPECT_THAT(tiers.at(v1::TIER_GC).reason(), HasSubstr("CAP_BPF"));
  }
}

// Probes go to the file that is mapped, through /proc/PID/map_files.
TEST_F(SurroundingsTest, WithoutCheckpointRestoreTheProbesAreLostAndItIsNamed) {
  const std::map<v1::Tier, v1::TierStatus> tiers =
      TiersWith("-checkpoint_restore,-sys_admin");
  EXPECT_TRUE(tiers.contains(v1::TIER_CENSUS) &&
              tiers.at(v1::TIER_CENSUS).ok());
  ASSERT_TRUE(tiers.contains(v1::TIER_GC));
  EXPECT_FALSE(tiers.at(v1::TIER_GC).ok());
  EXPECT_THAT(tiers.at(v1::TIER_GC).reason(),
              HasSubstr("CAP_CHECKPOINT_RESTORE"));
}

// A service of another user that keeps its counters to itself.
constexpr char kClosedCounters[] = R"(
import json, os, struct, sys, time
os.umask(0o077)
os.mkdir(sys.argv[1])
key = json.dumps(["requests_total", "requests_total", {"city": "sf"}, ""])
key = key.encode()
padded = key + b" " * (8 - (len(key) + 4) % 8)
entry = struct.pack("i", len(key)) + padded + struct.pack("dd", 5.0, 0.0)
name = "%s/counter_%d.db" % (sys.argv[1], os.getpid())
with open(name, "wb") as file:
    file.write(struct.pack("ii", 8 + len(entry), 0) + entry + bytes(4096))
keep = [[] for _ in range(50000)]
while True: time.sleep(0.1)
)";

TEST_F(SurroundingsTest, WithoutDacReadSearchClosedCountersAreLostAndNamed) {
  std::filesystem::permissions(dir_.path(), std::filesystem::perms::all);
  const std::string granted =
      "-all,+bpf,+perfmon,+sys_ptrace,"
      "+checkpoint_restore";
  for (const char* more : {",+dac_read_search", ""}) {
    const std::string counters =
        (dir_.path() / ("counters" + std::to_string(*more))).string();
    const RunningCommand service(
        {"/usr/bin/env", "PROMETHEUS_MULTIPROC_DIR=" + counters, kPython, "-c",
         kClosedCounters, counters},
        CommandOptions{.as_nobody = true});
    const std::map<v1::Tier, v1::TierStatus> tiers =
        TiersWith(granted + more, service);
    ASSERT_TRUE(tiers.contains(v1::TIER_REQUESTS));
    for (const v1::Tier tier :
         {v1::TIER_MEMORY, v1::TIER_GC, v1::TIER_CENSUS}) {
      ASSERT_TRUE(tiers.contains(tier)) << tier;
      EXPECT_TRUE(tiers.at(tier).ok()) << tiers.at(tier).reason();
    }
    const v1::TierStatus& requests = tiers.at(v1::TIER_REQUESTS);
    EXPECT_EQ(requests.ok(), *more != '\0') << requests.reason();
    if (*more == '\0') {
      EXPECT_THAT(requests.reason(), HasSubstr("CAP_DAC_READ_SEARCH"));
    }
  }
}

TEST_F(SurroundingsTest, AReadOnlyStateDirectoryIsNamed) {
  if (!CanMakeMountNamespace()) GTEST_SKIP() << kNoNamespace;
  const CommandResult result = RunCommand(AgentOnTmpfs("ro,size=64k"));
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err + result.out,
              HasSubstr((dir_.path() / "tmpfs").string()));
  EXPECT_THAT(result.err + result.out, HasSubstr("Read-only"));
}

TEST_F(SurroundingsTest, AFullDiskLosesBatchesAndNothingElse) {
  if (!CanMakeMountNamespace()) GTEST_SKIP() << kNoNamespace;
  RunningCommand python({kPython, "-c", "import time\ntime.sleep(600)"});
  RunningCommand agent(AgentOnTmpfs("size=16k"));
  EXPECT_TRUE(agent.AwaitWord("batch lost"));
  agent.Signal(SIGTERM);
  const CommandResult result = agent.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err + result.out, HasSubstr("batch lost"));
  EXPECT_THAT(result.err + result.out, HasSubstr("ended"));
}

// A cgroup v1 of 64 MiB, and a leak in it. Programs that start and end all the
// time, as on any node, make the agent rest between its looks at the events: an
// exit that a sample saw meanwhile was once taken for an ordinary one.
TEST_F(SurroundingsTest, AnOomKillIsSeenAndTheNextProcessIsAnotherOne) {
  const std::string group =
      "/sys/fs/cgroup/memory/plimsoll-oom-" + std::to_string(::getpid());
  if (::mkdir(group.c_str(), 0755) != 0) {
    GTEST_SKIP() << "no cgroup v1 with a memory controller to write to";
  }
  std::ofstream(group + "/memory.limit_in_bytes") << (64 << 20) << std::flush;
  RunningCommand others(
      {"/bin/sh", "-c", "while :; do /bin/true; sleep 0.03; done"});
  RunningCommand agent(Agent());
  ASSERT_TRUE(
      collector_.WaitFor([&] { return !collector_.batches().empty(); }));
  const std::vector<std::string> leak = {
      "/bin/sh", "-c",
      "echo $$ > " + group + "/cgroup.procs && exec " + kPython +
          " -c 'import time\nkeep = []\nfor i in range(10**6):\n"
          " keep.append(bytearray(200000)); time.sleep(0.03)'"};
  std::vector<v1::ProcessId> killed;
  std::string ends;  // all that were told
  for (int life = 0; life < 2; ++life) {
    RunningCommand victim(leak);
    EXPECT_EQ(victim.Wait().exit_code, 128 + SIGKILL);
  }
  EXPECT_TRUE(collector_.WaitFor(
      [&] {
        killed.clear();
        ends.clear();
        for (const v1::Batch& batch : collector_.batches()) {
          for (const v1::Snapshot& snapshot : batch.snapshots()) {
            if (snapshot.memory().exited()) {
              ends += snapshot.process().ShortDebugString() + ": " +
                      snapshot.memory().ShortDebugString() + "\n";
            }
            if (snapshot.memory().exited() && snapshot.memory().oom_killed() &&
                snapshot.memory().cgroup().oom_kills() > 0) {
              killed.push_back(snapshot.process());
            }
          }
        }
        return killed.size() >= 2;
      },
      std::chrono::seconds(60)))
      << ends;
  if (killed.size() >= 2) {
    EXPECT_NE(killed[0].SerializeAsString(), killed[1].SerializeAsString());
  }
  agent.Signal(SIGTERM);
  EXPECT_EQ(agent.Wait().exit_code, 0);
  ::rmdir(group.c_str());
}

}  // namespace
}  // namespace plimsoll
