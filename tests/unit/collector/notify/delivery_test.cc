#include "collector/notify/delivery.h"

#include <gtest/gtest.h>

namespace plimsoll::collector::notify {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'700'000'000 * kSecond;

Notification Firing(const std::string& text) {
  Notification n;
  n.incident_id = "i1";
  n.starts_at_ns = kStart;
  n.labels = {{"alertname", "PlimsollMemoryLeak"}};
  n.annotations = {{"summary", text}};
  return n;
}

Notification Resolved(int64_t at) {
  Notification n = Firing("over");
  n.resolved = true;
  n.ends_at_ns = at;
  return n;
}

TEST(Delivery, AlertmanagerHearsAFiringAlertEachMinute) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Firing("a"), kStart);
  int sends = 0;
  for (int64_t t = kStart; t <= kStart + 300 * kSecond; t += kSecond) {
    const auto due = d.Due(t);
    if (due.empty()) continue;
    ++sends;
    d.Succeeded(due, t);
  }
  EXPECT_EQ(sends, 6);
}

Notification Told(Notification n, const std::string& status) {
  n.told = {{"other", "resolved", kStart}, {"t", status, kStart}};
  return n;
}

TEST(Delivery, ARestartSendsNoSecondPageToAWebhook) {
  const Notification said = Told(Firing("a"), "page");
  Delivery webhook(DeliveryStyle::kWebhook, "t", {});
  webhook.Replace(said, kStart);
  EXPECT_TRUE(webhook.Due(kStart + 3600 * kSecond).empty());
  // New words and the end are said as ever.
  webhook.Replace(Firing("b"), kStart + kSecond);
  EXPECT_TRUE(webhook.Due(kStart + 299 * kSecond).empty());
  EXPECT_EQ(webhook.Due(kStart + 300 * kSecond).size(), 1u);
  webhook.Replace(Resolved(kStart + 2 * kSecond), kStart + 2 * kSecond);
  EXPECT_EQ(webhook.Due(kStart + 2 * kSecond).size(), 1u);
  // Alertmanager forgets what is not said again.
  Delivery alertmanager(DeliveryStyle::kAlertmanager, "t", {});
  alertmanager.Replace(said, kStart);
  EXPECT_EQ(alertmanager.Due(kStart).size(), 1u);
  // Another target has not heard of it.
  Delivery another(DeliveryStyle::kWebhook, "u", {});
  another.Replace(said, kStart);
  EXPECT_EQ(another.Due(kStart).size(), 1u);
}

TEST(Delivery, AnEndThatWasUntoldWhenWeWentDownIsTold) {
  for (const DeliveryStyle style :
       {DeliveryStyle::kWebhook, DeliveryStyle::kPagerDuty,
        DeliveryStyle::kSlack}) {
    Delivery d(style, "t", {});
    d.Replace(Told(Resolved(kStart), "page"), kStart);
    const auto due = d.Due(kStart);
    ASSERT_EQ(due.size(), 1u);
    EXPECT_TRUE(due[0].resolved);
    d.Succeeded(due, kStart);
    EXPECT_EQ(d.size(), 0u);
    d.Replace(Told(Resolved(kStart), "resolved"), kStart);
    EXPECT_TRUE(d.Due(kStart).empty()) << "told already";
  }
}

TEST(Delivery, AcceptedIsWhatWasNotAcceptedBefore) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Firing("a"), kStart);
  EXPECT_EQ(d.Waiting(), 1);
  d.Failed(d.Due(kStart), kStart);
  EXPECT_EQ(d.Waiting(), 1);
  int64_t t = kStart + 60 * kSecond;
  EXPECT_EQ(d.Succeeded(d.Due(t), t).size(), 1u);
  EXPECT_EQ(d.Waiting(), 0);
  t += 60 * kSecond;
  EXPECT_TRUE(d.Succeeded(d.Due(t), t).empty()) << "said again";
}

TEST(Delivery, AlertmanagerDownForAnHourAndNothingIsLostOrSaidTwice) {
  // A page that goes on, one that ends meanwhile, and one that comes and goes.
  const auto with_id = [](Notification n, const char* id) {
    n.incident_id = id;
    return n;
  };
  for (const DeliveryStyle style :
       {DeliveryStyle::kAlertmanager, DeliveryStyle::kPagerDuty,
        DeliveryStyle::kSlack, DeliveryStyle::kWebhook}) {
    Delivery d(style, "t", {});
    std::map<std::string, std::vector<std::string>> heard;
    int given_up = 0;
    for (int64_t s = 0; s <= 3 * 3600; ++s) {
      const int64_t t = kStart + s * kSecond;
      if (s == 0) d.Replace(with_id(Firing("a"), "goes on"), t);
      if (s == 0) d.Replace(with_id(Firing("b"), "ends"), t);
      if (s == 1000) d.Replace(with_id(Firing("c"), "comes and goes"), t);
      if (s == 2000) d.Replace(with_id(Resolved(t), "ends"), t);
      if (s == 2000) d.Replace(with_id(Resolved(t), "comes and goes"), t);
      if (s > 2000 && s % 30 == 0) {
        d.Replace(with_id(Firing("a"), "goes on"), t);
      }
      const bool down = s >= 100 && s < 3700;
      const auto due = d.Due(t);
      if (due.empty()) continue;
      if (down) {
        given_up += d.Failed(due, t);
        continue;
      }
      for (const Notification& n : due) {
        heard[n.incident_id].push_back(n.Status());
      }
      d.Succeeded(due, t);
    }
    if (style == DeliveryStyle::kAlertmanager) {
      EXPECT_GT(heard["goes on"].size(), 100u);
      continue;  // it ends by itself what is not said again
    }
    EXPECT_EQ(given_up, 0);
    EXPECT_EQ(heard["goes on"], std::vector<std::string>{"page"});
    EXPECT_EQ(heard["ends"], (std::vector<std::string>{"page", "resolved"}));
    // Nobody is woken for it; the pager drops the end of what it never heard.
    EXPECT_EQ(heard["comes and goes"], std::vector<std::string>{"resolved"});
  }
}

TEST(Delivery, APagerIsNotBotheredWithTheEndOfWhatWasNeverTried) {
  Delivery d(DeliveryStyle::kPagerDuty, "t", {});
  d.Replace(Resolved(kStart), kStart);
  EXPECT_TRUE(d.Due(kStart).empty());
  EXPECT_EQ(d.size(), 0u);
  // The page was on its way when it ended: it may have arrived.
  d.Replace(Firing("a"), kStart);
  const auto in_flight = d.Due(kStart);
  d.Replace(Resolved(kStart + kSecond), kStart + kSecond);
  d.Failed(in_flight, kStart + 2 * kSecond);
  const auto due = d.Due(kStart + 60 * kSecond);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_TRUE(due[0].resolved);
}

TEST(Delivery, ASilencedOneGoesToAlertmanagerAlone) {
  Notification silenced = Firing("a");
  silenced.silenced = true;
  for (const DeliveryStyle style :
       {DeliveryStyle::kPagerDuty, DeliveryStyle::kSlack,
        DeliveryStyle::kWebhook}) {
    Delivery d(style, "t", {});
    d.Replace(silenced, kStart);
    EXPECT_TRUE(d.Due(kStart + 3600 * kSecond).empty());
    EXPECT_EQ(d.Waiting(), 0);
    // The silence is over and the leak is not.
    d.Replace(Firing("a"), kStart + 7200 * kSecond);
    EXPECT_EQ(d.Due(kStart + 7200 * kSecond).size(), 1u);
    // Over while it was silenced: never heard of.
    Delivery other(style, "t", {});
    other.Replace(silenced, kStart);
    Notification over = Resolved(kStart + kSecond);
    over.silenced = true;
    other.Replace(over, kStart + kSecond);
    EXPECT_TRUE(other.Due(kStart + kSecond).empty());
    EXPECT_EQ(other.size(), 0u);
    // Told first, silenced then: its end is told, no word in between.
    Delivery told(style, "t", {});
    told.Replace(Firing("a"), kStart);
    told.Succeeded(told.Due(kStart), kStart);
    silenced.annotations["summary"] = silenced.gist = "b";
    told.Replace(silenced, kStart + kSecond);
    EXPECT_TRUE(told.Due(kStart + 7200 * kSecond).empty());
    told.Replace(over, kStart + 8000 * kSecond);
    EXPECT_EQ(told.Due(kStart + 8000 * kSecond).size(), 1u);
  }
  Delivery alertmanager(DeliveryStyle::kAlertmanager, "t", {});
  alertmanager.Replace(silenced, kStart);
  EXPECT_EQ(alertmanager.Due(kStart).size(), 1u);
}

TEST(Delivery, APagerIsForPagesAndATicketThatBecomesOneIsPaged) {
  Notification ticket = Firing("a");
  ticket.labels["severity"] = "ticket";
  Delivery pager(DeliveryStyle::kPagerDuty, "t", {});
  Delivery channel(DeliveryStyle::kSlack, "t", {});
  pager.Replace(ticket, kStart);
  channel.Replace(ticket, kStart);
  EXPECT_TRUE(pager.Due(kStart).empty());
  channel.Succeeded(channel.Due(kStart), kStart);
  pager.Replace(Firing("a"), kStart + kSecond);
  channel.Replace(Firing("a"), kStart + kSecond);
  EXPECT_EQ(pager.Due(kStart + kSecond).size(), 1u);
  EXPECT_EQ(channel.Due(kStart + kSecond).size(), 1u);
}

TEST(Delivery, AChannelHearsOfNumbersOnceAndOfNewCausesHourly) {
  Delivery d(DeliveryStyle::kSlack, "t", {});
  std::vector<int64_t> sends;
  for (int64_t s = 0; s <= 9000; s += 30) {
    Notification n = Firing(std::to_string(s));
    n.gist = s < 600 ? "python-object" : "python-object orders.py:12";
    const int64_t t = kStart + s * kSecond;
    d.Replace(n, t);
    const auto due = d.Due(t);
    if (due.empty()) continue;
    sends.push_back(s);
    d.Succeeded(due, t);
  }
  EXPECT_EQ(sends, (std::vector<int64_t>{0, 3600}));
}

TEST(Delivery, ChangedWordsGoOutAtOnceUnchangedOnesDoNot) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Firing("a"), kStart);
  d.Succeeded(d.Due(kStart), kStart);
  d.Replace(Firing("a"), kStart + kSecond);
  EXPECT_TRUE(d.Due(kStart + kSecond).empty());
  d.Replace(Firing("b"), kStart + 2 * kSecond);
  ASSERT_EQ(d.Due(kStart + 2 * kSecond).size(), 1u);
}

TEST(Delivery, AResolvedAlertIsSentForFiveMinutesThenForgotten) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Firing("a"), kStart);
  d.Succeeded(d.Due(kStart), kStart);
  const int64_t end = kStart + 30 * kSecond;
  d.Replace(Resolved(end), end);
  int sends = 0;
  for (int64_t t = end; t <= end + 900 * kSecond; t += kSecond) {
    const auto due = d.Due(t);
    if (due.empty()) continue;
    EXPECT_TRUE(due[0].resolved);
    ++sends;
    d.Succeeded(due, t);
  }
  EXPECT_EQ(sends, 6);
  EXPECT_EQ(d.size(), 0u);
}

TEST(Delivery, BacksOffUpToTheResendPeriodAndNeverForgetsAFiringOne) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Firing("a"), kStart);
  std::vector<int64_t> gaps;
  int64_t last = kStart;
  for (int64_t t = kStart; t <= kStart + 600 * kSecond; t += kSecond) {
    const auto due = d.Due(t);
    if (due.empty()) continue;
    gaps.push_back((t - last) / kSecond);
    last = t;
    EXPECT_EQ(d.Failed(due, t), 0);
  }
  ASSERT_GE(gaps.size(), 8u);
  EXPECT_EQ(std::vector<int64_t>(gaps.begin(), gaps.begin() + 8),
            (std::vector<int64_t>{0, 1, 2, 4, 8, 16, 32, 60}));
  EXPECT_EQ(gaps.back(), 60);
  EXPECT_EQ(d.size(), 1u);
}

TEST(Delivery, AResolvedOneThatCannotBeDeliveredIsGivenUpAndCounted) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Resolved(kStart), kStart);
  int given_up = 0;
  for (int64_t t = kStart; t <= kStart + 900 * kSecond; t += kSecond) {
    const auto due = d.Due(t);
    if (!due.empty()) given_up += d.Failed(due, t);
  }
  EXPECT_EQ(given_up, 1);
  EXPECT_EQ(d.size(), 0u);
}

TEST(Delivery, WebhooksHearChangesAtMostEveryFiveMinutes) {
  Delivery d(DeliveryStyle::kWebhook, "t", {});
  d.Replace(Firing("0"), kStart);
  std::vector<int64_t> sends;
  for (int64_t s = 0; s <= 700; ++s) {
    const int64_t t = kStart + s * kSecond;
    if (s % 30 == 0) d.Replace(Firing(std::to_string(s)), t);
    const auto due = d.Due(t);
    if (due.empty()) continue;
    sends.push_back(s);
    d.Succeeded(due, t);
  }
  EXPECT_EQ(sends, (std::vector<int64_t>{0, 300, 600}));
  d.Replace(Resolved(kStart + 701 * kSecond), kStart + 701 * kSecond);
  const auto due = d.Due(kStart + 701 * kSecond);
  ASSERT_EQ(due.size(), 1u) << "the end is said at once";
  d.Succeeded(due, kStart + 701 * kSecond);
  EXPECT_EQ(d.size(), 0u);
}

TEST(Delivery, ARejectedMessageIsCountedAndNotHammered) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Firing("a"), kStart);
  EXPECT_EQ(d.Rejected(d.Due(kStart), kStart), 1);
  EXPECT_TRUE(d.Due(kStart + 59 * kSecond).empty());
  const int64_t next = kStart + 60 * kSecond;
  ASSERT_EQ(d.Due(next).size(), 1u);
  EXPECT_EQ(d.Rejected(d.Due(next), next), 0) << "counted once";
  // A key that was mended: a page is tried again by itself.
  Delivery pager(DeliveryStyle::kPagerDuty, "t", {});
  pager.Replace(Firing("a"), kStart);
  EXPECT_EQ(pager.Rejected(pager.Due(kStart), kStart), 1);
  EXPECT_TRUE(pager.Due(kStart + 899 * kSecond).empty());
  EXPECT_EQ(pager.Due(kStart + 900 * kSecond).size(), 1u);
}

TEST(Delivery, ResolvingWhileItIsSentIsNotLost) {
  Delivery d(DeliveryStyle::kAlertmanager, "t", {});
  d.Replace(Firing("a"), kStart);
  const auto in_flight = d.Due(kStart);
  d.Replace(Resolved(kStart + kSecond), kStart + kSecond);
  d.Succeeded(in_flight, kStart + 2 * kSecond);
  const auto due = d.Due(kStart + 2 * kSecond);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_TRUE(due[0].resolved);
}

}  // namespace
}  // namespace plimsoll::collector::notify
