#include "collector/notify/notifiers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "collector/notify/payload.h"
#include "tests/unit/collector/notify/http_recorder.h"

namespace plimsoll::collector::notify {
namespace {

using nlohmann::json;

constexpr int64_t kSecond = 1'000'000'000;

Notification Page() {
  Notification n;
  n.incident_id = "0ddf219bc58d241f";
  n.starts_at_ns = 1'700'000'000 * kSecond;
  n.labels = {{"alertname", "PlimsollMemoryLeak"},
              {"cause", "python-object"},
              {"severity", "page"},
              {"workload", "routing-api"}};
  n.annotations = {{"summary", "routing-api leaks 12.4 MiB/min \"quoted\""},
                   {"made_at", "routing/vehicles.py:118 load <- app.py:44"}};
  n.generator_url = "http://127.0.0.1:7070/incidents/0ddf219bc58d241f";
  return n;
}

class NotifiersTest : public ::testing::Test {
 protected:
  NotifierOptions Options(std::vector<std::string> urls) {
    NotifierOptions o;
    o.urls = std::move(urls);
    o.poll_ns = 5'000'000;
    o.request_timeout_ns = 2 * kSecond;
    return o;
  }
  UnixClock Clock() {
    return [this] { return now_.load(); };
  }
  // The answer has been taken to account, so that the clock may move on.
  static bool AwaitSent(const HttpNotifier& notifier, int64_t count) {
    for (int i = 0; i < 1000; ++i) {
      if (notifier.Targets()[0].sent >= count) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  std::atomic<int64_t> now_{1'700'000'100 * kSecond};
  LossCounter losses_;
};

// The required keys and forms of postableAlert, api/v2/openapi.yaml.
void ExpectPostableAlert(const json& alert) {
  ASSERT_TRUE(alert.is_object());
  ASSERT_TRUE(alert.at("labels").is_object());
  EXPECT_FALSE(alert.at("labels").at("alertname").get<std::string>().empty());
  for (const char* strings : {"labels", "annotations"}) {
    for (const auto& [key, value] : alert.at(strings).items()) {
      EXPECT_TRUE(value.is_string()) << key;
    }
  }
  for (const char* time : {"startsAt", "endsAt"}) {
    const std::string text = alert.at(time);
    EXPECT_EQ(text.size(), 24u) << text;
    EXPECT_EQ(text[10], 'T');
    EXPECT_EQ(text.back(), 'Z');
  }
  EXPECT_EQ(alert.at("generatorURL").get<std::string>().rfind("http://", 0),
            0u);
}

TEST_F(NotifiersTest, AlertmanagerGetsPostableAlertsOnTheV2Path) {
  HttpRecorder server;
  auto notifier =
      MakeAlertmanagerNotifier(Options({server.url() + "/"}), Clock());
  notifier->Notify(Page());
  const auto posts = server.WaitFor(1);
  ASSERT_EQ(posts.size(), 1u);
  EXPECT_EQ(posts[0].path, "/api/v2/alerts");
  EXPECT_EQ(posts[0].content_type, "application/json");
  const json body = json::parse(posts[0].body);
  ASSERT_TRUE(body.is_array());
  ASSERT_EQ(body.size(), 1u);
  ExpectPostableAlert(body[0]);
  EXPECT_EQ(body[0]["startsAt"], "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(body[0]["endsAt"], "2023-11-14T22:19:00.000Z") << "now + 4 min";
  EXPECT_EQ(body[0]["annotations"]["summary"],
            "routing-api leaks 12.4 MiB/min \"quoted\"");
}

TEST_F(NotifiersTest, ResendsAndThenResolvesWithItsOwnEnd) {
  HttpRecorder server;
  auto notifier = MakeAlertmanagerNotifier(Options({server.url()}), Clock());
  notifier->Notify(Page());
  ASSERT_TRUE(AwaitSent(*notifier, 1));
  now_ += 60 * kSecond;
  ASSERT_TRUE(AwaitSent(*notifier, 2));
  Notification over = Page();
  over.resolved = true;
  over.ends_at_ns = now_;
  notifier->Notify(over);
  ASSERT_TRUE(AwaitSent(*notifier, 3));
  auto posts = server.WaitFor(3);
  ASSERT_EQ(posts.size(), 3u);
  const std::string end = json::parse(posts[2].body)[0]["endsAt"];
  EXPECT_EQ(end, FormatRfc3339(over.ends_at_ns));
  now_ += 60 * kSecond;
  posts = server.WaitFor(4);
  ASSERT_EQ(posts.size(), 4u);
  EXPECT_EQ(json::parse(posts[3].body)[0]["endsAt"], end) << "the same end";
  EXPECT_EQ(json::parse(posts[0].body)[0]["labels"],
            json::parse(posts[3].body)[0]["labels"]);
}

TEST_F(NotifiersTest, ADeadReplicaDelaysNoOtherAndIsShown) {
  HttpRecorder alive;
  std::string dead_url;
  {
    HttpRecorder gone;
    dead_url = gone.url();
  }
  auto notifier = MakeAlertmanagerNotifier(Options({dead_url, alive.url()}),
                                           Clock(), &losses_);
  notifier->Notify(Page());
  ASSERT_EQ(alive.WaitFor(1).size(), 1u);
  std::vector<TargetStatus> targets;
  for (int i = 0; i < 500; ++i) {
    targets = notifier->Targets();
    if (targets[0].failed > 0 && targets[1].sent > 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_GE(targets[0].failed, 1);
  EXPECT_FALSE(targets[0].last_error.empty());
  EXPECT_EQ(targets[0].sent, 0);
  EXPECT_EQ(targets[1].sent, 1);
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_NOTIFY_FAILED), 0) << "still trying";
}

TEST_F(NotifiersTest, AServerErrorIsRetried) {
  HttpRecorder server;
  server.set_status(503);
  auto notifier = MakeAlertmanagerNotifier(Options({server.url()}), Clock());
  notifier->Notify(Page());
  ASSERT_EQ(server.WaitFor(1).size(), 1u);
  server.set_status(200);
  for (int i = 0; i < 500 && notifier->Targets()[0].failed == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  now_ += 2 * kSecond;
  ASSERT_EQ(server.WaitFor(2).size(), 2u);
}

TEST_F(NotifiersTest, ARejectionIsCountedAsNotifyFailed) {
  HttpRecorder server;
  server.set_status(400);
  auto notifier =
      MakeAlertmanagerNotifier(Options({server.url()}), Clock(), &losses_);
  notifier->Notify(Page());
  ASSERT_EQ(server.WaitFor(1).size(), 1u);
  for (int i = 0; i < 500 && losses_.Total(PLIMSOLL_DROP_NOTIFY_FAILED) == 0;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_NOTIFY_FAILED), 1);
  EXPECT_NE(notifier->Targets()[0].last_error.find("HTTP 400"),
            std::string::npos);
}

TEST_F(NotifiersTest, WebhookGetsAlertmanagersOwnShape) {
  HttpRecorder server;
  auto notifier =
      MakeWebhookNotifier(Options({server.url() + "/hook"}), Clock());
  notifier->Notify(Page());
  auto posts = server.WaitFor(1);
  ASSERT_EQ(posts.size(), 1u);
  EXPECT_EQ(posts[0].path, "/hook");
  const json body = json::parse(posts[0].body);
  EXPECT_EQ(body.at("version"), "4");
  EXPECT_EQ(body.at("status"), "firing");
  EXPECT_TRUE(body.at("truncatedAlerts").is_number_integer());
  EXPECT_EQ(body.at("externalURL"), "http://127.0.0.1:7070");
  for (const char* key : {"groupKey", "receiver"}) {
    EXPECT_TRUE(body.at(key).is_string());
  }
  for (const char* key : {"groupLabels", "commonLabels", "commonAnnotations"}) {
    EXPECT_TRUE(body.at(key).is_object());
  }
  ASSERT_EQ(body.at("alerts").size(), 1u);
  const json& alert = body["alerts"][0];
  EXPECT_EQ(alert.at("status"), "firing");
  EXPECT_EQ(alert.at("endsAt"), "0001-01-01T00:00:00Z");
  EXPECT_EQ(alert.at("fingerprint").get<std::string>().size(), 16u);
  Notification over = Page();
  over.resolved = true;
  over.ends_at_ns = now_;
  notifier->Notify(over);
  posts = server.WaitFor(2);
  ASSERT_EQ(posts.size(), 2u);
  EXPECT_EQ(json::parse(posts[1].body).at("status"), "resolved");
}

TEST(Payload, FingerprintIsThatOfPrometheus) {
  // model.LabelSet{}.Fingerprint() and the offset basis of FNV-1a agree.
  EXPECT_EQ(Fingerprint({}), "cbf29ce484222325");
  EXPECT_NE(Fingerprint({{"a", "bc"}}), Fingerprint({{"ab", "c"}}));
}

TEST(Payload, BytesThatAreNoUtf8StayValidJson) {
  Notification n = Page();
  n.annotations["what"] = "type \xff\xfe\n\t\x01";
  EXPECT_TRUE(json::accept(WebhookBody(n)));
  EXPECT_TRUE(json::accept(AlertmanagerBody({n}, n.starts_at_ns)));
}

}  // namespace
}  // namespace plimsoll::collector::notify
