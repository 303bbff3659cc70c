#include "collector/notify/notifiers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "collector/notify/payload.h"
#include "collector/notify/silence_watch.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/collector/notify/http_recorder.h"
#include "tests/unit/collector/notify/published_schemas.h"

namespace plimsoll::collector::notify {
namespace {

using nlohmann::json;
using ::plimsoll::testing::Eventually;

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
  Clocks Clock() {
    const auto now = [this] { return now_.load(); };
    return {now, now};
  }
  // The answer has been taken to account, so that the clock may move on.
  static bool AwaitSent(const HttpNotifier& notifier, int64_t count) {
    return Eventually([&] { return notifier.Targets()[0].sent >= count; });
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
  Eventually([&] {
    targets = notifier->Targets();
    return targets[0].failed > 0 && targets[1].sent > 0;
  });
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
  ASSERT_TRUE(Eventually([&] { return notifier->Targets()[0].failed > 0; }));
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
  Eventually([&] { return losses_.Total(PLIMSOLL_DROP_NOTIFY_FAILED) > 0; });
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

class SecretsTest : public NotifiersTest {
 protected:
  std::string Secret(const std::string& text) {
    const std::string path = (directory_.path() / "secret").string();
    std::ofstream(path) << text << "\n";
    return path;
  }
  testing::TempDir directory_;
};

TEST_F(SecretsTest, PagerDutyIsTriggeredAndResolvedUnderOneKey) {
  HttpRecorder server;
  server.set_status(202);
  NotifierOptions options = Options({});
  options.secret_files = {Secret("R0123456789ABCDEF0123456789ABCDE")};
  options.pagerduty_url = server.url() + "/v2/enqueue";
  auto notifier = MakePagerDutyNotifier(options, Clock());
  notifier->Notify(Page());
  ASSERT_TRUE(AwaitSent(*notifier, 1));
  now_ += kSecond;  // one message a second
  Notification over = Page();
  over.resolved = true;
  over.ends_at_ns = now_;
  over.annotations["resolved"] = "the leaking processes are gone";
  notifier->Notify(over);
  const auto posts = server.WaitFor(2);
  ASSERT_EQ(posts.size(), 2u);
  for (const RecordedPost& post : posts) {
    EXPECT_EQ(post.path, "/v2/enqueue");
    EXPECT_EQ(post.content_type, "application/json");
    ExpectPagerDutyEvent(post.body);
    EXPECT_EQ(json::parse(post.body)["routing_key"],
              "R0123456789ABCDEF0123456789ABCDE");
  }
  EXPECT_EQ(json::parse(posts[0].body)["dedup_key"],
            json::parse(posts[1].body)["dedup_key"]);
  ASSERT_TRUE(AwaitSent(*notifier, 2));
  const auto receipts = notifier->TakeReceipts();
  ASSERT_EQ(receipts.size(), 2u);
  EXPECT_EQ(receipts[0].told.status, "page");
  EXPECT_EQ(receipts[1].told.status, "resolved");
  EXPECT_TRUE(notifier->TakeReceipts().empty());
}

TEST_F(SecretsTest, SlackIsPostedToTheUrlOfTheFileAndTheUrlIsShownNowhere) {
  HttpRecorder server;
  NotifierOptions options = Options({});
  options.secret_files = {Secret(server.url() + "/services/T0/B0/sEcReT")};
  auto notifier = MakeSlackNotifier(options, Clock());
  notifier->Notify(Page());
  auto posts = server.WaitFor(1);
  ASSERT_EQ(posts.size(), 1u);
  EXPECT_EQ(posts[0].path, "/services/T0/B0/sEcReT");
  ExpectSlackMessage(posts[0].body);
  // Taken to account, so that the clock may move on.
  ASSERT_TRUE(AwaitSent(*notifier, 1));
  server.set_status(404);
  server.set_answer("", "no_service");
  now_ += kSecond;
  Notification other = Page();
  other.incident_id = "another";
  notifier->Notify(other);
  ASSERT_TRUE(Eventually([&] { return notifier->Targets()[0].failed == 1; }));
  const TargetStatus target = notifier->Targets()[0];
  EXPECT_EQ(target.target.find("sEcReT"), std::string::npos) << target.target;
  EXPECT_EQ(target.last_error.find("sEcReT"), std::string::npos);
  EXPECT_NE(target.last_error.find("HTTP 404 no_service"), std::string::npos);
  EXPECT_EQ(target.waiting, 1);
  EXPECT_EQ(notifier->TakeReceipts().size(), 1u);
}

TEST_F(SecretsTest, RetryAfterIsHeededForTheWholeTarget) {
  HttpRecorder server;
  server.set_status(429);
  server.set_answer("Retry-After: 120\r\n", "rate_limited");
  NotifierOptions options = Options({});
  options.secret_files = {Secret(server.url() + "/x")};
  auto notifier = MakeSlackNotifier(options, Clock(), &losses_);
  notifier->Notify(Page());
  ASSERT_TRUE(Eventually([&] { return notifier->Targets()[0].failed == 1; }));
  server.set_status(200);
  server.set_answer("", "ok");
  Notification other = Page();
  other.incident_id = "another";
  notifier->Notify(other);
  now_ += 119 * kSecond;
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(server.WaitFor(1).size(), 1u) << "sooner than it was told";
  now_ += kSecond;
  ASSERT_TRUE(AwaitSent(*notifier, 1));
  now_ += kSecond;
  ASSERT_TRUE(AwaitSent(*notifier, 2));
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_NOTIFY_FAILED), 0);
}

TEST_F(SecretsTest, AKeyIsReadAnewAndAMissingOneIsNoRejection) {
  HttpRecorder server;
  server.set_status(202);
  NotifierOptions options = Options({});
  const std::string path = Secret("first");
  options.secret_files = {path};
  options.pagerduty_url = server.url();
  std::filesystem::remove(path);
  auto notifier = MakePagerDutyNotifier(options, Clock(), &losses_);
  notifier->Notify(Page());
  ASSERT_TRUE(Eventually([&] { return notifier->Targets()[0].failed == 1; }));
  EXPECT_NE(notifier->Targets()[0].last_error.find(path), std::string::npos);
  Secret("second");
  now_ += 2 * kSecond;
  const auto posts = server.WaitFor(1);
  ASSERT_EQ(posts.size(), 1u);
  EXPECT_EQ(json::parse(posts[0].body)["routing_key"], "second");
  EXPECT_EQ(losses_.Total(PLIMSOLL_DROP_NOTIFY_FAILED), 0);
}

TEST_F(NotifiersTest, SilencesAreReadAndSurviveADeadAlertmanager) {
  auto server = std::make_unique<HttpRecorder>();
  server->set_answer(
      "", R"([{"id":"s1","status":{"state":"active"},"createdBy":"ana",)"
          R"("comment":"c","startsAt":"2023-01-01T00:00:00Z",)"
          R"("endsAt":"2033-01-01T00:00:00Z",)"
          R"("matchers":[{"name":"workload","value":"routing-api",)"
          R"("isRegex":false}]}])");
  SilenceWatchOptions options;
  options.urls = {server->url()};
  options.period_ns = 20'000'000;
  SilenceWatch watch(options);
  watch.AwaitFirstLook(10 * kSecond);
  EXPECT_EQ(server->WaitFor(1)[0].path, "/api/v2/silences");
  ASSERT_TRUE(watch.Silencing(Page().labels, now_).has_value());
  EXPECT_FALSE(watch.Silencing({{"workload", "orders"}}, now_).has_value());
  server.reset();
  EXPECT_TRUE(Eventually([&] { return watch.Status()[0].failures > 0; }));
  EXPECT_TRUE(watch.Silencing(Page().labels, now_).has_value());
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
