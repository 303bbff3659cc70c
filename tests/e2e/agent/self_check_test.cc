// plimsoll-agent --check with the chart's capabilities, with each of them taken
// away, and as an ordinary user: the tier that is lost is named with what to
// grant, the others work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/run_command.h"

namespace plimsoll {
namespace {

using nlohmann::json;
using testing::BinDir;
using testing::CommandOptions;
using testing::CommandResult;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RunCommand;

const std::vector<std::string> kGranted = {
    "bpf", "perfmon", "sys_ptrace", "dac_read_search", "checkpoint_restore"};

struct Checked {
  int exit_code = -1;
  json report;
  std::set<std::string> lost;
  std::string remedies;
};

Checked CheckWithout(const std::string& capability) {
  std::string bounding = "-all";
  for (const std::string& granted : kGranted) {
    if (granted != capability) bounding += ",+" + granted;
  }
  const CommandResult result =
      RunCommand({"/usr/bin/setpriv", "--no-new-privs", "--inh-caps=-all",
                  "--bounding-set=" + bounding, BinDir() + "/plimsoll-agent",
                  "--check", "--json"});
  Checked checked;
  checked.exit_code = result.exit_code;
  checked.report = json::parse(result.out, nullptr, false);
  if (!checked.report.is_object()) {
    ADD_FAILURE() << result.out << result.err;
    return checked;
  }
  for (const json& row : checked.report["tiers"]) {
    if (row["works"] == true) continue;
    checked.lost.insert(row["tier"].get<std::string>());
    checked.remedies += row["remedy"].get<std::string>() + "\n";
  }
  return checked;
}

class SelfCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    full_ = CheckWithout("none");
    // What even the five do not give is the machine's: no debug registers, say.
    if (full_.lost.contains("gc")) {
      const char* required = std::getenv("PLIMSOLL_REQUIRE_BPF");
      if (required != nullptr && std::string(required) == "1") {
        FAIL() << full_.report.dump(1);
      }
      GTEST_SKIP() << "no probes here: " << full_.remedies;
    }
  }
  // What is lost beside what this machine lacks anyway.
  std::set<std::string> LostWithout(const std::string& capability,
                                    const std::string& named) {
    const Checked checked = CheckWithout(capability);
    EXPECT_EQ(checked.exit_code, 3) << checked.report.dump(1);
    EXPECT_THAT(checked.remedies, HasSubstr(named));
    EXPECT_EQ(checked.report["surroundings"]["missing_capabilities"],
              json::array({named}));
    std::set<std::string> lost = checked.lost;
    for (const std::string& always : full_.lost) lost.erase(always);
    return lost;
  }
  using Tiers = std::set<std::string>;
  Checked full_;
};

TEST_F(SelfCheckTest, TheFiveAreEnoughForAllThatTheMachineHas) {
  Tiers lost = full_.lost;
  lost.erase("births");  // a virtual machine may have no debug registers
  EXPECT_THAT(lost, IsEmpty()) << full_.report.dump(1);
  EXPECT_EQ(full_.exit_code, full_.lost.empty() ? 0 : 3);
  EXPECT_EQ(full_.report["surroundings"]["missing_capabilities"],
            json::array());
  EXPECT_EQ(full_.report["surroundings"]["no_new_privileges"], true);
}

TEST_F(SelfCheckTest, WithoutPtraceNothingOfOthersIsRead) {
  Tiers lost = LostWithout("sys_ptrace", "CAP_SYS_PTRACE");
  // Late kernels let CAP_PERFMON read /proc/PID/maps.
  lost.erase("memory");
  EXPECT_EQ(lost, (Tiers{"headers", "census"}));
}

TEST_F(SelfCheckTest, WithoutBpfOrPerfmonTheProbesAreLost) {
  for (const auto& [capability, named] :
       {std::pair("bpf", "CAP_BPF"), std::pair("perfmon", "CAP_PERFMON")}) {
    Tiers lost = LostWithout(capability, named);
    lost.erase("births");
    EXPECT_EQ(lost, (Tiers{"gc", "growth", "stacks", "native", "events"}))
        << capability;
  }
}

TEST_F(SelfCheckTest, WithoutCheckpointRestoreTheUprobesAreLost) {
  EXPECT_EQ(LostWithout("checkpoint_restore", "CAP_CHECKPOINT_RESTORE"),
            (Tiers{"gc", "stacks"}));
}

TEST_F(SelfCheckTest, WithoutDacReadSearchRequestFilesAreLost) {
  EXPECT_EQ(LostWithout("dac_read_search", "CAP_DAC_READ_SEARCH"),
            (Tiers{"requests"}));
}

TEST_F(SelfCheckTest, AnOrdinaryUserReadsWhatToGrant) {
  const CommandResult result =
      RunCommand({BinDir() + "/plimsoll-agent", "--check"},
                 CommandOptions{.as_nobody = true});
  if (result.exit_code == 127) {
    GTEST_SKIP() << "the build directory is closed to other users";
  }
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.out, HasSubstr("census    - "));
  EXPECT_THAT(result.out, HasSubstr("grant CAP_SYS_PTRACE"));
  EXPECT_THAT(result.out, HasSubstr("grant CAP_BPF and CAP_PERFMON"));
  EXPECT_EQ(result.err, "");
}

}  // namespace
}  // namespace plimsoll
