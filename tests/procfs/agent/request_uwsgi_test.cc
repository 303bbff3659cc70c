// A real uWSGI says how many requests each of its workers has answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "agent/request_asker.h"
#include "tests/procfs/agent/request_question.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/uwsgi_command.h"

namespace plimsoll::agent {
namespace {

using testing::ChildProcess;
using testing::FreePort;
using ::testing::HasSubstr;
using testing::HttpGet;
using testing::kUwsgi;
using testing::TempDir;

constexpr auto kDeadline = std::chrono::seconds(40);

// Answers with its pid, so that the test knows who has answered what.
class UwsgiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(dir_.path() / "app.py") << R"(
import os
def application(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
)";
  }
  std::string In(const char* name) const {
    return (dir_.path() / name).string();
  }
  std::vector<std::string> Words(std::vector<std::string> more) const {
    std::vector<std::string> words = {kUwsgi,
                                      "--plugin",
                                      "python3",
                                      "--master",
                                      "--no-orphans",
                                      "--processes",
                                      "2",
                                      "--wsgi-file",
                                      In("app.py"),
                                      "--http-socket",
                                      "127.0.0.1:" + std::to_string(port_)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Asks until `workers` have answered, and counts what each did.
  void Serve(size_t workers) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    const size_t had = answered_.size();
    while (answered_.size() < had + workers &&
           std::chrono::steady_clock::now() < end) {
      const std::string body = HttpGet(port_, "/");
      if (!body.empty()) ++answered_[std::atoi(body.c_str())];
    }
    ASSERT_EQ(answered_.size(), had + workers);
  }
  absl::StatusOr<core::RequestAnswer> Ask(int32_t pid,
                                          const std::string& rule = "") {
    core::RequestQuestion question = QuestionOf(pid);
    question.uwsgi = true;
    question.uwsgi_address = rule;
    return asker_.Ask(question);
  }
  // The stats server is there a moment after the workers.
  void ExpectCounts(const std::string& rule = "") {
    for (const auto& [pid, count] : answered_) {
      const auto end = std::chrono::steady_clock::now() + kDeadline;
      auto answer = Ask(pid, rule);
      const auto counted = [&answer, want = count] {
        return answer.ok() && answer->counts.counts.at(0).value == want;
      };
      while (!counted() && std::chrono::steady_clock::now() < end) {
        answer = Ask(pid, rule);
      }
      ASSERT_TRUE(answer.ok()) << answer.status();
      ASSERT_EQ(answer->counts.counts.size(), 1u);
      EXPECT_EQ(answer->counts.counts[0].metric, "uwsgi_requests_total");
      EXPECT_EQ(answer->counts.counts[0].value, count) << pid;
      EXPECT_EQ(answer->counts.source, "uwsgi");
    }
  }

  TempDir dir_;
  const int port_ = FreePort();
  std::map<int32_t, int> answered_;  // by pid
  std::atomic<bool> stop_ = false;
  RequestAsker asker_{procfs::ProcRoot(), {}, &stop_, kPatienceNs};
};

TEST_F(UwsgiTest, ASocketFileOfTheCommandLine) {
  ChildProcess uwsgi(Words({"--stats", In("stats.sock")}), In("log"));
  Serve(2);
  ExpectCounts();
  const auto stat = procfs::ProcRoot().ReadStat(answered_.begin()->first);
  ASSERT_TRUE(stat.ok());
  EXPECT_THAT(std::string(Ask(stat->parent_pid).status().message()),
              HasSubstr("name it as no worker"));
  // A worker that takes the place of another begins anew.
  const int32_t gone = answered_.begin()->first;
  answered_.erase(gone);
  ::kill(gone, SIGKILL);
  Serve(1);
  ExpectCounts();
}

TEST_F(UwsgiTest, APortOfAnIniFile) {
  const int stats = FreePort();
  std::ofstream(dir_.path() / "app.ini")
      << "[uwsgi]\nplugin = python3\nmaster = true\nno-orphans = true\n"
      << "processes = 2\nwsgi-file = " << In("app.py")
      << "\nhttp-socket = 127.0.0.1:" << port_
      << "\nstats = 127.0.0.1:" << stats << "\n";
  ChildProcess uwsgi({kUwsgi, "--ini", In("app.ini")}, In("log"));
  Serve(2);
  ExpectCounts();
}

TEST_F(UwsgiTest, AnAbstractNameThatSpeaksHttp) {
  const std::string name = "@plimsoll-stats-" + std::to_string(::getpid());
  ChildProcess uwsgi(Words({"--stats=" + name, "--stats-http"}), In("log"));
  Serve(2);
  ExpectCounts();
}

TEST_F(UwsgiTest, WithoutOneARuleMayNameIt) {
  ChildProcess uwsgi(Words({"--stats-minified"}), In("log"));
  Serve(1);
  const int32_t pid = answered_.begin()->first;
  EXPECT_THAT(std::string(Ask(pid).status().message()),
              HasSubstr("uWSGI without a stats server: start it with --stats"));
  EXPECT_THAT(std::string(Ask(pid, In("none.sock")).status().message()),
              HasSubstr("none.sock"));
}

}  // namespace
}  // namespace plimsoll::agent
