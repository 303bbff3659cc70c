// The real agent and the real collector, with certificates as the lines of
// docs/authentication.md make them: a node speaks for itself, another is
// refused and told why, people need the token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/child_process.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_dir.h"

namespace plimsoll {
namespace {

using testing::BinDir;
using testing::CertificateAuthority;
using testing::ChildProcess;
using ::testing::HasSubstr;
using testing::RunCommand;
using testing::TempDir;

constexpr char kNoWorkloads[] = "\"workloads\":[]";

class AuthenticationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "the agent needs root";
    if (::access("/usr/bin/openssl", X_OK) != 0) {
      GTEST_SKIP() << "certificates are made by openssl, which is not here";
    }
    authority_.emplace(directory_.path(), "ca");
    authority_->Issue(Path("server"), "DNS:localhost,IP:127.0.0.1");
    std::ofstream(Path("token")) << "s3cret\n";
    std::ofstream(Path("collector.yaml"))
        << "grpc_listen: 127.0.0.1:" << grpc_port_
        << "\nhttp_listen: 127.0.0.1:" << http_port_
        << "\nstate_dir: " << Path("collector")
        << "\ntls_cert_file: " << Path("server.crt")
        << "\ntls_key_file: " << Path("server.key")
        << "\nagent_ca_file: " << authority_->cert()
        << "\nhttp_token_file: " << Path("token") << "\n";
    collector_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{BinDir() + "/plimsoll-collector", "--config",
                                 Path("collector.yaml")},
        Path("collector.log"));
    ASSERT_TRUE(Until([&] {
      return testing::HttpGet(http_port_, "/healthz") == "ok\n";
    })) << Read("collector.log");
  }
  std::string Path(const std::string& name) const {
    return (directory_.path() / name).string();
  }
  std::string Read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Path(name)).rdbuf();
    return text.str();
  }
  static bool Until(const std::function<bool()>& condition) {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  // An agent that says it is `node` and shows that certificate's names.
  std::unique_ptr<ChildProcess> Agent(const std::string& node,
                                      const std::string& names) {
    authority_->Issue(Path("agent"), names);
    std::ofstream(Path("agent.yaml"))
        << "collector: 127.0.0.1:" << grpc_port_
        << "\nlisten: \"\"\nmemory_period: 200ms\nnode: " << node
        << "\nstate_dir: " << Path(node)
        << "\ncollector_ca_file: " << authority_->cert()
        << "\ncollector_cert_file: " << Path("agent.crt")
        << "\ncollector_key_file: " << Path("agent.key") << "\n";
    return std::make_unique<ChildProcess>(
        std::vector<std::string>{BinDir() + "/plimsoll-agent", "--config",
                                 Path("agent.yaml")},
        Path(node + ".log"));
  }
  testing::CommandResult Plimsoll(std::vector<std::string> more) {
    std::vector<std::string> words = {
        BinDir() + "/plimsoll", "workloads", "--collector",
        "http://127.0.0.1:" + std::to_string(http_port_)};
    words.insert(words.end(), more.begin(), more.end());
    return RunCommand(words);
  }

  TempDir directory_;
  const int grpc_port_ = testing::FreePort();
  const int http_port_ = testing::FreePort();
  std::optional<CertificateAuthority> authority_;
  std::unique_ptr<ChildProcess> collector_;
};

TEST_F(AuthenticationTest, ANodeSpeaksForItselfAndPeopleShowTheToken) {
  const auto python = std::make_unique<ChildProcess>(
      std::vector<std::string>{"/usr/bin/python3", "-c",
                               "import time\nwhile True: time.sleep(1)"},
      Path("python.log"));
  {
    auto impostor = Agent("node-2", "URI:spiffe://example/node/node-1");
    ASSERT_TRUE(Until([&] {
      return Read("node-2.log").find("may not speak for") != std::string::npos;
    })) << Read("node-2.log");
    EXPECT_THAT(Read("collector.log"), HasSubstr("node=node-2"));
  }
  testing::CommandResult result = Plimsoll({});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--token-file"));
  result = Plimsoll({"--token-file", Path("token"), "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(kNoWorkloads));

  auto agent = Agent("node-1", "URI:spiffe://example/node/node-1");
  EXPECT_TRUE(Until([&] {
    result = Plimsoll({"--token-file", Path("token"), "--json"});
    return result.exit_code == 0 &&
           result.out.find(kNoWorkloads) == std::string::npos;
  })) << result.out
      << Read("node-1.log") << Read("collector.log");
  EXPECT_THAT(Read("collector.log"), HasSubstr("proof=\"certificate\""));
}

}  // namespace
}  // namespace plimsoll
