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
  Delivery d(DeliveryStyle::kAlertmanager, {});
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

TEST(Delivery, ARestartSendsNoSecondPageToAWebhook) {
  Notification said = Firing("a");
  said.said_before = true;
  Delivery webhook(DeliveryStyle::kWebhook, {});
  webhook.Replace(said, kStart);
  EXPECT_TRUE(webhook.Due(kStart + 3600 * kSecond).empty());
  // New words and the end are said as ever.
  webhook.Replace(Firing("b"), kStart + kSecond);
  EXPECT_TRUE(webhook.Due(kStart + 299 * kSecond).empty());
  EXPECT_EQ(webhook.Due(kStart + 300 * kSecond).size(), 1u);
  webhook.Replace(Resolved(kStart + 2 * kSecond), kStart + 2 * kSecond);
  EXPECT_EQ(webhook.Due(kStart + 2 * kSecond).size(), 1u);
  // Alertmanager forgets what is not said again.
  Delivery alertmanager(DeliveryStyle::kAlertmanager, {});
  alertmanager.Replace(said, kStart);
  EXPECT_EQ(alertmanager.Due(kStart).size(), 1u);
}

TEST(Delivery, KnowsWhatWasDelivered) {
  Delivery d(DeliveryStyle::kWebhook, {});
  EXPECT_FALSE(d.Delivered("i1"));
  d.Replace(Firing("a"), kStart);
  EXPECT_FALSE(d.Delivered("i1"));
  d.Failed(d.Due(kStart), kStart);
  EXPECT_FALSE(d.Delivered("i1"));
  d.Succeeded(d.Due(kStart + 60 * kSecond), kStart + 60 * kSecond);
  EXPECT_TRUE(d.Delivered("i1"));
}

TEST(Delivery, ChangedWordsGoOutAtOnceUnchangedOnesDoNot) {
  Delivery d(DeliveryStyle::kAlertmanager, {});
  d.Replace(Firing("a"), kStart);
  d.Succeeded(d.Due(kStart), kStart);
  d.Replace(Firing("a"), kStart + kSecond);
  EXPECT_TRUE(d.Due(kStart + kSecond).empty());
  d.Replace(Firing("b"), kStart + 2 * kSecond);
  ASSERT_EQ(d.Due(kStart + 2 * kSecond).size(), 1u);
}

TEST(Delivery, AResolvedAlertIsSentForFiveMinutesThenForgotten) {
  Delivery d(DeliveryStyle::kAlertmanager, {});
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
  Delivery d(DeliveryStyle::kAlertmanager, {});
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
  Delivery d(DeliveryStyle::kAlertmanager, {});
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
  Delivery d(DeliveryStyle::kWebhook, {});
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
  Delivery d(DeliveryStyle::kAlertmanager, {});
  d.Replace(Firing("a"), kStart);
  EXPECT_EQ(d.Rejected(d.Due(kStart), kStart), 1);
  EXPECT_TRUE(d.Due(kStart + 59 * kSecond).empty());
  EXPECT_EQ(d.Due(kStart + 60 * kSecond).size(), 1u);
}

TEST(Delivery, ResolvingWhileItIsSentIsNotLost) {
  Delivery d(DeliveryStyle::kAlertmanager, {});
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
