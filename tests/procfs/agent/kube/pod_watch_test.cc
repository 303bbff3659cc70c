#include "agent/kube/pod_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_kubernetes.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::kube {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Pod(const std::string& uid, const std::string& container) {
  return R"({"metadata":{"uid":")" + uid + R"(","name":"pod-)" + uid +
         R"(","namespace":"shop","resourceVersion":"50"},"status":)"
         R"({"containerStatuses":[{"name":"app","containerID":"containerd://)" +
         container + R"("}]}})";
}

std::string Event(const std::string& type, const std::string& pod) {
  return R"({"type":")" + type + R"(","object":)" + pod + "}";
}

bool Within(std::chrono::seconds limit, const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class PodWatchTest : public ::testing::Test {
 protected:
  void Start(const std::string& token_file = "") {
    PodWatchOptions options;
    options.api = {server_.url(), token_file, ""};
    options.node = "node 1";
    options.first_wait_ns = 2'000'000;
    options.most_wait_ns = 20'000'000;
    options.on_change = [this](const absl::Status& status) {
      const std::lock_guard lock(mutex_);
      told_.push_back(status);
    };
    watch_ = std::make_unique<PodWatch>(std::move(options), &cache_);
  }
  bool Knows(const std::string& container) {
    return Within(std::chrono::seconds(20),
                  [&] { return cache_.Find(container, "").has_value(); });
  }
  std::vector<absl::Status> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  testing::FakeKubernetes server_;
  PodCache cache_;
  std::mutex mutex_;
  std::vector<absl::Status> told_;
  std::unique_ptr<PodWatch> watch_;
};

TEST_F(PodWatchTest, ListsAllPagesAndFollowsEvents) {
  server_.SetList(Pod("u1", "c1"), "40", Pod("u2", "c2"));
  server_.SetNode(
      R"({"metadata":{"labels":{"topology.kubernetes.io/region":"eu"}}})");
  Start();
  EXPECT_TRUE(Knows("c1"));
  EXPECT_TRUE(Knows("c2"));
  server_.Push(Event("ADDED", Pod("u3", "c3")));
  EXPECT_TRUE(Knows("c3"));
  server_.Push(Event("DELETED", Pod("u1", "c1")));
  server_.Push(Event("ADDED", Pod("u4", "c4")));
  EXPECT_TRUE(Knows("c4"));
  EXPECT_FALSE(cache_.Find("c1", "u1").has_value());
  EXPECT_EQ(cache_.region(), "eu");
  EXPECT_TRUE(watch_->stats().connected);
  EXPECT_EQ(watch_->stats().lists, 1);
  EXPECT_THAT(server_.requests(),
              Contains(HasSubstr("fieldSelector=spec.nodeName%3Dnode%201")));
  EXPECT_THAT(server_.requests(), Contains(HasSubstr("resourceVersion=40")));
}

TEST_F(PodWatchTest, AWatchThatEndsGoesOnWhereItWas) {
  server_.SetList("", "40");
  Start();
  server_.Push(Event("BOOKMARK", R"({"metadata":{"resourceVersion":"77"}})"));
  server_.Push("");
  server_.Push(Event("ADDED", Pod("u1", "c1")));
  EXPECT_TRUE(Knows("c1"));
  EXPECT_EQ(watch_->stats().lists, 1);
  EXPECT_THAT(server_.requests(), Contains(HasSubstr("resourceVersion=77")));
}

TEST_F(PodWatchTest, EventsThatAreGoneMeanANewList) {
  server_.SetList(Pod("u1", "c1"), "40");
  Start();
  EXPECT_TRUE(Knows("c1"));
  server_.SetList(Pod("u2", "c2"), "90");
  server_.Push(Event("ERROR", R"({"code":410,"message":"too old"})"));
  EXPECT_TRUE(Knows("c2"));
  EXPECT_FALSE(cache_.Find("c1", "u1").has_value());
  EXPECT_EQ(watch_->stats().lists, 2);
  EXPECT_EQ(watch_->stats().failures, 0);
}

TEST_F(PodWatchTest, WhatIsKnownOutlivesAServerThatIsAway) {
  server_.SetList(Pod("u1", "c1"), "40");
  Start();
  ASSERT_TRUE(Knows("c1"));
  server_.AnswerWith(503);
  server_.Push("");
  EXPECT_TRUE(Within(std::chrono::seconds(20),
                     [&] { return watch_->stats().failures >= 3; }));
  EXPECT_FALSE(watch_->stats().connected);
  EXPECT_TRUE(cache_.Find("c1", "").has_value());
  server_.AnswerWith(0);
  server_.Push(Event("ADDED", Pod("u2", "c2")));
  EXPECT_TRUE(Knows("c2"));
  EXPECT_EQ(watch_->stats().lists, 1) << "the watch goes on from where it was";
  const std::vector<absl::Status> changes = told();
  ASSERT_EQ(changes.size(), 3u) << "there, away, there again";
  EXPECT_TRUE(changes[0].ok());
  EXPECT_THAT(std::string(changes[1].message()), HasSubstr("HTTP 503"));
  EXPECT_TRUE(changes[2].ok());
}

// A quiet cluster sends nothing for a minute: that it is there again must be
// known before.
TEST_F(PodWatchTest, AWatchThatIsOpenIsConnectedBeforeItsFirstEvent) {
  server_.SetList(Pod("u1", "c1"), "40");
  Start();
  ASSERT_TRUE(Knows("c1"));
  server_.AnswerWith(503);
  server_.Push("");
  ASSERT_TRUE(Within(std::chrono::seconds(20),
                     [&] { return watch_->stats().failures >= 1; }));
  server_.AnswerWith(0);
  EXPECT_TRUE(Within(std::chrono::seconds(20),
                     [&] { return watch_->stats().connected; }));
  EXPECT_EQ(watch_->stats().events, 0);
}

TEST_F(PodWatchTest, ATokenIsReadAgainWhenItRotates) {
  const testing::TempDir dir;
  const std::string file = (dir.path() / "token").string();
  server_.SetList(Pod("u1", "c1"), "40");
  server_.RequireToken("second");
  std::ofstream(file) << "first\n";
  Start(file);
  EXPECT_TRUE(Within(std::chrono::seconds(20),
                     [&] { return watch_->stats().failures >= 2; }));
  EXPECT_THAT(std::string(told().at(0).message()), HasSubstr("401"));
  EXPECT_THAT(std::string(told().at(0).message()), Not(HasSubstr("first")));
  std::ofstream(file) << "second\n";
  EXPECT_TRUE(Knows("c1"));
}

TEST_F(PodWatchTest, AMissingTokenIsSaidAndWaitedFor) {
  const testing::TempDir dir;
  const std::string file = (dir.path() / "token").string();
  server_.SetList(Pod("u1", "c1"), "40");
  Start(file);
  EXPECT_TRUE(
      Within(std::chrono::seconds(20), [&] { return !told().empty(); }));
  EXPECT_THAT(std::string(told().at(0).message()), HasSubstr(file));
  std::ofstream(file) << "any";
  EXPECT_TRUE(Knows("c1"));
}

TEST_F(PodWatchTest, GarbageIsCountedAndHarmsNothing) {
  server_.SetList(Pod("u1", "c1"), "40");
  Start();
  server_.Push("{not json");
  server_.Push(std::string(100'000, '['));
  server_.Push(Event("RENAMED", Pod("u1", "c1")));
  server_.Push(Event("ADDED", Pod("u2", "c2")));
  EXPECT_TRUE(Knows("c2"));
  EXPECT_TRUE(Knows("c1"));
  EXPECT_EQ(watch_->stats().bad_events, 3);
  EXPECT_EQ(watch_->stats().lists, 1);
}

}  // namespace
}  // namespace plimsoll::kube
