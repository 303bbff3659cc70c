// Messages for PagerDuty and Slack against what those publish.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "collector/net/http_exchange.h"
#include "collector/notify/pagerduty.h"
#include "collector/notify/slack.h"
#include "collector/notify/text_bounds.h"
#include "tests/unit/collector/notify/published_schemas.h"

namespace plimsoll::collector::notify {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = 1'000'000'000;

Notification Page() {
  Notification n;
  n.incident_id = "0ddf219bc58d241f";
  n.starts_at_ns = 1'700'000'000 * kSecond;
  n.labels = {{"alertname", "PlimsollMemoryLeak"},
              {"cause", "python-object"},
              {"severity", "page"},
              {"workload", "routing-api"},
              {"namespace", "routing"},
              {"owner", "team-routes"}};
  n.annotations = {
      {"summary", "routing-api leaks 12.4 MiB/min in <ap> & \"eu\"; OOM soon"},
      {"what", "routing.vehicles.FloatingVehicle +65,000/min"},
      {"made_at", "routing/vehicles.py:118 <lambda> <- app.py:44"},
      {"do_now", "kubectl label pod x app-"},
      {"worst", "routing-api-7d9f-x2x1q"},
      {"runbook_url", "http://c:7070/runbook"}};
  n.generator_url = "http://c:7070/incidents/0ddf219bc58d241f";
  return n;
}

Notification Over() {
  Notification n = Page();
  n.resolved = true;
  n.ends_at_ns = 1'700'000'900 * kSecond;
  n.annotations["resolved"] = "no growth for 10 min: the slope is gone";
  return n;
}

// Everything that is foreign as long and as odd as it can come.
Notification Monstrous() {
  Notification n = Page();
  std::string odd;
  while (odd.size() < 300'000)
    odd += "<&>`\"\\\xc3\xa9\xf0\x9f\x92\xa9\xff\n\x01";
  n.incident_id = odd;
  for (auto& [key, value] : n.labels) {
    if (key != "severity") value = odd;
  }
  for (const PageLine& line : kPageLines) n.annotations[line.annotation] = odd;
  n.annotations["summary"] = n.annotations["worst"] = odd;
  n.annotations["resolved"] = odd;
  return n;
}

TEST(PagerDuty, TriggersWithWhatIsOnThePage) {
  const std::string body = PagerDutyBody(Page(), "R" + std::string(31, '0'));
  ExpectPagerDutyEvent(body);
  const json event = json::parse(body);
  EXPECT_EQ(event["event_action"], "trigger");
  EXPECT_EQ(event["dedup_key"], "plimsoll/0ddf219bc58d241f");
  EXPECT_EQ(event["payload"]["severity"], "critical");
  EXPECT_EQ(event["payload"]["source"], "routing-api-7d9f-x2x1q");
  EXPECT_EQ(event["payload"]["component"], "routing-api");
  EXPECT_EQ(event["payload"]["class"], "python-object");
  EXPECT_EQ(event["payload"]["timestamp"], "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(event["payload"]["custom_details"]["made at"],
            "routing/vehicles.py:118 <lambda> <- app.py:44");
  EXPECT_EQ(event["links"].size(), 2u);
}

TEST(PagerDuty, ResolvesUnderTheSameKey) {
  const std::string body = PagerDutyBody(Over(), "key");
  ExpectPagerDutyEvent(body);
  const json event = json::parse(body);
  EXPECT_EQ(event["event_action"], "resolve");
  EXPECT_EQ(event["dedup_key"],
            json::parse(PagerDutyBody(Page(), "key"))["dedup_key"]);
  EXPECT_THAT(event["payload"]["summary"].get<std::string>(),
              HasSubstr("the slope is gone"));
}

TEST(Slack, ShowsThePageAsItIs) {
  const std::string body = SlackBody(Page());
  ExpectSlackMessage(body);
  const json message = json::parse(body);
  EXPECT_EQ(message["blocks"][0]["text"]["text"],
            "PAGE: routing-api leaks memory");
  EXPECT_THAT(body, HasSubstr("&lt;lambda&gt; &lt;- app.py:44"));
  EXPECT_THAT(body, HasSubstr("in &lt;ap&gt; &amp; "));
  EXPECT_THAT(body, HasSubstr("owner team-routes"));
  EXPECT_THAT(body,
              HasSubstr("<http://c:7070/incidents/0ddf219bc58d241f|Incident"));
}

TEST(Slack, SaysWhyItIsOver) {
  const std::string body = SlackBody(Over());
  ExpectSlackMessage(body);
  EXPECT_THAT(body, HasSubstr("Resolved: routing-api"));
  EXPECT_THAT(body, HasSubstr("the slope is gone"));
  EXPECT_THAT(body, Not(HasSubstr("kubectl"))) << "nothing to do any more";
}

TEST(Messages, WhateverIsForeignKeepsTheBounds) {
  Notification n = Monstrous();
  ExpectPagerDutyEvent(PagerDutyBody(n, "key"));
  ExpectSlackMessage(SlackBody(n));
  n.resolved = true;
  ExpectPagerDutyEvent(PagerDutyBody(n, "key"));
  ExpectSlackMessage(SlackBody(n));
  Notification empty;
  empty.generator_url = "http://c:7070/incidents/";
  ExpectPagerDutyEvent(PagerDutyBody(empty, "key"));
  ExpectSlackMessage(SlackBody(empty));
}

TEST(Messages, BoundedCutsBetweenCharacters) {
  EXPECT_EQ(Bounded("abc", 3), "abc");
  EXPECT_EQ(Bounded("abcdef", 5), "ab...");
  EXPECT_EQ(Bounded("\xc3\xa9\xc3\xa9\xc3\xa9", 5), "\xc3\xa9...");
  EXPECT_EQ(Bounded("\xc3\xa9\xc3\xa9\xc3\xa9", 4), "...");
  EXPECT_EQ(Bounded("abcdef", 2), "");
}

TEST(Messages, AShownUrlHoldsNoSecret) {
  EXPECT_EQ(net::ShownUrl("https://u:p@host:9/a/b?token=x#y"),
            "https://host:9/a/b");
  EXPECT_EQ(net::ShownUrl("http://127.0.0.1:9093"), "http://127.0.0.1:9093");
  EXPECT_EQ(net::ShownUrl("http://host/a@b"), "http://host/a@b");
}

}  // namespace
}  // namespace plimsoll::collector::notify
