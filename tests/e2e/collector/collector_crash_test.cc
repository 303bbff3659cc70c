// The real plimsoll-collector, killed in the middle of its commits and starved
// of disk: what it acknowledged is there once, the incident goes on, and nobody
// is paged twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "tests/e2e/collector/leaking_fleet.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/collector/notify/http_recorder.h"

namespace plimsoll {
namespace {

using nlohmann::json;
using testing::ChildProcess;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::HttpGet;
using testing::LeakingFleet;
using ::testing::Not;
namespace notify = collector::notify;

constexpr uint64_t kHistory = 30;  // batches: five minutes

class CollectorCrash : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* bin = std::getenv("PLIMSOLL_BIN_DIR");
    program_ = std::string(bin != nullptr ? bin : "") + "/plimsoll-collector";
    grpc_port_ = testing::FreePort();
    http_port_ = testing::FreePort();
    WriteConfig((directory_.path() / "state").string());
    Start();
  }
  void WriteConfig(const std::string& state) {
    std::ofstream(Config())
        << "grpc_listen: 127.0.0.1:" << grpc_port_
        << "\nhttp_listen: 127.0.0.1:" << http_port_ << "\nstate_dir: " << state
        << "\nwebhooks: [\"" << webhook_.url() << "\"]\nalertmanagers: [\""
        << alertmanager_.url() << "\"]\npagerduty_url: " << pagerduty_.url()
        << "\npagerduty_key_files: [" << Secret("key", "R0")
        << "]\nslack_url_files: [" << Secret("url", slack_.url() + "/T/B/x")
        << "]\n";
  }
  std::string Secret(const std::string& name, const std::string& text) {
    const std::string path = (directory_.path() / name).string();
    std::ofstream(path) << text;
    return path;
  }
  std::string Config() { return (directory_.path() / "c.yaml").string(); }
  std::string LogPath() { return (directory_.path() / "log").string(); }
  std::string Log() {
    std::ostringstream text;
    text << std::ifstream(LogPath()).rdbuf();
    return text.str();
  }
  void Start() {
    child_.reset();
    child_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{program_, "--config", Config()}, LogPath());
    ASSERT_TRUE(Until([&] {
      return HttpGet(http_port_, "/healthz") == "ok\n";
    })) << Log();
  }
  template <typename Condition>
  static bool Until(Condition condition, int seconds = 60) {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  json Get(const std::string& path) {
    return json::parse(HttpGet(http_port_, path), nullptr, false);
  }
  // The one incident; null while there is none.
  json TheIncident() {
    const json document = Get("/api/v1/incidents");
    if (!document.is_object() || document["incidents"].empty()) return nullptr;
    EXPECT_EQ(document["incidents"].size(), 1u) << document;
    return document["incidents"][0];
  }
  // The resident sizes of the leaking process, as they are stored.
  std::vector<int64_t> Stored() {
    const json series = Get("/api/v1/processes/1/series?metric=rss_bytes");
    std::vector<int64_t> values;
    if (!series.is_object() || !series.contains("samples")) return values;
    for (const json& sample : series["samples"]) {
      values.push_back(sample[1].get<int64_t>());
    }
    return values;
  }
  static std::vector<int64_t> Told(uint64_t last) {
    std::vector<int64_t> values;
    for (uint64_t seq = 1; seq <= last; ++seq) {
      values.push_back(LeakingFleet::RssOf(seq));
    }
    return values;
  }

  testing::TempDir directory_;
  notify::HttpRecorder webhook_, pagerduty_, slack_, alertmanager_;
  std::string program_;
  int grpc_port_ = 0, http_port_ = 0;
  std::unique_ptr<ChildProcess> child_;
  LeakingFleet fleet_{300};
};

TEST_F(CollectorCrash, KilledInItsCommitsItLosesNothingAndPagesOnce) {
  // Down for all the time: the others are paged all the same.
  alertmanager_.set_answer("", "[]");
  alertmanager_.set_status(503);
  uint64_t last = kHistory;
  ASSERT_TRUE(Until([&] { return fleet_.Stream(grpc_port_, last, 1); }));
  ASSERT_TRUE(Until(
      [&] {
        const json incident = TheIncident();
        return incident.is_object() && incident["state"] == "firing" &&
               incident["told"].size() == 3;
      },
      120))
      << Log() << TheIncident();
  const json before = TheIncident();
  ASSERT_EQ(webhook_.WaitFor(1).size(), 1u);

  std::mt19937 random(11);
  int cut_short = 0;
  for (int round = 0; round < 8; ++round) {
    const uint64_t had = fleet_.acknowledged;
    last += 200;
    bool all = false;
    std::thread sender([&] { all = fleet_.Stream(grpc_port_, last); });
    Until([&] { return fleet_.acknowledged > had; }, 20);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 60));
    child_->Kill();
    sender.join();
    cut_short += all ? 0 : 1;
    const uint64_t acknowledged = fleet_.acknowledged;
    Start();
    std::thread again([&] {
      while (!fleet_.Stream(grpc_port_, last)) {
      }
    });
    again.join();
    EXPECT_GT(fleet_.welcomed(), acknowledged)
        << "what was acknowledged is lost";
  }
  EXPECT_GT(cut_short, 4) << "the kills came too late to mean anything";
  EXPECT_EQ(Stored(), Told(last));
  const json after = TheIncident();
  ASSERT_TRUE(after.is_object()) << Log();
  EXPECT_EQ(after["id"], before["id"]);
  EXPECT_EQ(after["opened_ns"], before["opened_ns"]);
  EXPECT_EQ(after["fired_ns"], before["fired_ns"]);
  EXPECT_EQ(after["requests"], before["requests"]) << "evidence";
  EXPECT_EQ(webhook_.WaitFor(1).size(), 1u) << "paged again";
  EXPECT_EQ(pagerduty_.WaitFor(1).size(), 1u) << "paged again";
  EXPECT_EQ(slack_.WaitFor(1).size(), 1u) << "said again";
  // And once it is back it is told, at once and of what is true now.
  const size_t before_it = alertmanager_.WaitFor(1).size();
  alertmanager_.set_status(200);
  ASSERT_TRUE(Until([&] { return TheIncident()["told"].size() == 4; }, 70))
      << TheIncident()["told"];
  EXPECT_GT(alertmanager_.WaitFor(before_it + 1).size(), before_it);
  EXPECT_THAT(HttpGet(http_port_, "/api/v1/coverage"),
              Not(HasSubstr(slack_.url())))
      << "the URL of the webhook is a secret";
}

TEST_F(CollectorCrash, AFullDiskIsSaidAndNothingAcknowledgedIsLost) {
  const std::string disk = (directory_.path() / "disk").string();
  std::filesystem::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m") != 0) {
    GTEST_SKIP() << "needs root: a small disk is mounted";
  }
  child_->Kill();
  WriteConfig(disk);
  Start();
  std::atomic<bool> ended{false};
  const uint64_t last = 2000;
  std::thread agent([&] {
    while (!fleet_.Stream(grpc_port_, last)) {
    }
    ended = true;
  });
  EXPECT_TRUE(Until([&] {
    return Log().find("store refused") != std::string::npos;
  })) << "2000 batches went into 2 MiB";
  const uint64_t acknowledged = fleet_.acknowledged;
  EXPECT_LT(acknowledged, last);
  EXPECT_THAT(Log(), HasSubstr("full"));
  EXPECT_THAT(HttpGet(http_port_, "/metrics"),
              ContainsRegex("dropped_total.reason=\"store_write\". [1-9]"));
  EXPECT_TRUE(Until(
      [&] {
        int status = 0;
        HttpGet(http_port_, "/readyz", &status);
        return status == 503;
      },
      20));
  EXPECT_TRUE(child_->Alive());
  EXPECT_GE(Stored().size(), acknowledged) << "acknowledged, not to be read";
  EXPECT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=200m"),
            0);
  EXPECT_TRUE(Until([&] { return ended.load(); }, 90)) << Log();
  child_->Kill();  // and what was stored meanwhile is durable
  agent.join();
  Start();
  EXPECT_EQ(Stored(), Told(last));
  child_->Kill();
  ::umount2(disk.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace plimsoll
