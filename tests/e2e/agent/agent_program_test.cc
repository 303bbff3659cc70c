// The real plimsoll-agent beside a live Python: what /metrics says of it, and
// that it ends as asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "agent/procfs/proc_root.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace plimsoll {
namespace {

using testing::FreePort;
using ::testing::HasSubstr;
using testing::HttpGet;
using testing::TempDir;

class Child {
 public:
  Child(std::vector<std::string> arguments, const std::string& output,
        std::vector<std::string> environment = {}) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      if (!output.empty() && (!std::freopen(output.c_str(), "w", stderr) ||
                              ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)) {
        ::_exit(126);
      }
      for (std::string& variable : environment) ::putenv(variable.data());
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  int32_t pid() const { return pid_; }
  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

std::string BinDir() {
  const char* dir = std::getenv("PLIMSOLL_BIN_DIR");
  return dir != nullptr ? dir : "";
}

// The value of a line `name value` of an exposition; -1 when it is not there.
double Value(const std::string& text, const std::string& name) {
  size_t at = text.find("\n" + name + " ");
  return at == std::string::npos
             ? -1
             : std::strtod(&text[at + name.size() + 2], nullptr);
}

template <typename Condition>
bool WaitFor(Condition condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    ::usleep(100'000);
  }
  return false;
}

std::string Slurp(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class AgentProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/python3.11", X_OK) != 0) {
      GTEST_SKIP() << "needs Debian's python3.11";
    }
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to read a process";
    port_ = FreePort();
    std::ofstream(dir_.path() / "agent.yaml")
        << "collector: \"\"\nlisten: 127.0.0.1:" << port_
        << "\nstate_dir: " << (dir_.path() / "state").string()
        << "\nmemory_period: 500ms\ncensus_period: 1s\nheaders_period: 1s\n";
  }
  std::vector<std::string> AgentCommand() {
    return {BinDir() + "/plimsoll-agent", "--config",
            (dir_.path() / "agent.yaml").string()};
  }
  TempDir dir_;
  int port_ = 0;
};

TEST_F(AgentProgramTest, SeesALivePythonAndEndsAsAsked) {
  Child python({"/usr/bin/python3.11", "-c",
                "import time\nkeep = [object() for _ in range(100000)]\n"
                "while True: time.sleep(0.1)"},
               "");
  std::string log = (dir_.path() / "log").string();
  Child agent(AgentCommand(), log);
  std::string metrics;
  ASSERT_TRUE(WaitFor([&] {
    metrics = HttpGet(port_, "/metrics");
    return Value(metrics, "plimsoll_agent_processes") >= 1 &&
           Value(metrics, "plimsoll_agent_censuses_total{kind=\"full\"}") >=
               1 &&
           Value(metrics, "plimsoll_agent_reports_total") >= 2;
  })) << metrics
      << Slurp(log);
  EXPECT_GE(Value(metrics,
                  "plimsoll_agent_tier_processes{tier=\"census\",ok=\"true\"}"),
            1);
  EXPECT_GT(Value(metrics, "plimsoll_agent_census_seconds_total"), 0);
  EXPECT_EQ(Value(metrics, "plimsoll_dropped_total{reason=\"spool_full\"}"), 0);
  // What the governor let the process pay for, and what a hit costs here.
  if (Value(metrics, "plimsoll_agent_attach_rung{rung=\"none\"}") != 1) {
    EXPECT_GE(Value(metrics,
                    "plimsoll_agent_governor_requests_total{tier=\"1\","
                    "outcome=\"granted\"}"),
              1);
    const double emulated = Value(
        metrics, "plimsoll_agent_hit_cost_seconds{instruction=\"emulated\"}");
    const double stepped = Value(
        metrics,
        "plimsoll_agent_hit_cost_seconds{instruction=\"single_stepped\"}");
    EXPECT_GT(emulated, 1e-8);
    EXPECT_LT(emulated, 1e-4);
    EXPECT_GT(stepped, 1e-8);
    EXPECT_GT(Value(metrics,
                    "plimsoll_agent_hit_cost_seconds{instruction="
                    "\"page_fault\"}"),
              0);
    const double left =
        Value(metrics, "plimsoll_agent_governor_budget_left_ratio{tier=\"1\"}");
    EXPECT_GT(left, 0);
    EXPECT_LE(left, 1);
  }
  int status = 0;
  HttpGet(port_, "/healthz", &status);
  EXPECT_EQ(status, 200);
  HttpGet(port_, "/nothing", &status);
  EXPECT_EQ(status, 404);
  ::kill(agent.pid(), SIGTERM);
  EXPECT_EQ(agent.Wait(), 0) << Slurp(log);
}

// Nothing in Python raises SIGTRAP, but a probe that went wrong would: the
// agent risks no second process.
TEST_F(AgentProgramTest, ATrappedPythonEndsProbingAndItIsTold) {
  PLIMSOLL_NEEDS_BPF();
  Child python({"/usr/bin/python3.11", "-c",
                "import time, gc\nwhile True: gc.collect(); time.sleep(0.1)"},
               "");
  const std::string log = (dir_.path() / "log").string();
  Child agent(AgentCommand(), log);
  std::string metrics;
  const std::string probed =
      "plimsoll_agent_tier_processes{tier=\"gc\",ok=\"true\"}";
  ASSERT_TRUE(WaitFor([&] {
    metrics = HttpGet(port_, "/metrics");
    return Value(metrics, probed) >= 1;
  })) << metrics
      << Slurp(log);
  EXPECT_EQ(Value(metrics, "plimsoll_agent_targets_trapped_total"), 0);
  ::kill(python.pid(), SIGTRAP);
  EXPECT_TRUE(WaitFor([&] {
    metrics = HttpGet(port_, "/metrics");
    return Value(metrics, "plimsoll_agent_targets_trapped_total") == 1;
  })) << metrics
      << Slurp(log);
  EXPECT_EQ(Value(metrics, "plimsoll_agent_attach_rung{rung=\"none\"}"), 1);
  EXPECT_THAT(Slurp(log), HasSubstr("process " + std::to_string(python.pid()) +
                                    " was ended by SIGTRAP"));
  ::kill(agent.pid(), SIGTERM);
  EXPECT_EQ(agent.Wait(), 0) << Slurp(log);
}

TEST_F(AgentProgramTest, BadConfigurationIsAClearError) {
  std::ofstream(dir_.path() / "agent.yaml") << "memory_perod: 1s\n";
  std::string log = (dir_.path() / "log").string();
  Child agent(AgentCommand(), log);
  EXPECT_EQ(agent.Wait(), 2);
  EXPECT_THAT(Slurp(log), HasSubstr("did you mean \"memory_period\"?"));
}

}  // namespace
}  // namespace plimsoll
