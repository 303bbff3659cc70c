#include "collector/notify/silences.h"

#include <gtest/gtest.h>

namespace plimsoll::collector::notify {
namespace {

using Labels = std::map<std::string, std::string>;

constexpr int64_t kSecond = 1'000'000'000;
// 2026-11-29T03:00:00Z
constexpr int64_t kNow = 1'795'921'200 * kSecond;

std::string Silence(const std::string& matchers,
                    const std::string& ends = "2026-11-29T05:00:00.000Z",
                    const std::string& state = "active") {
  return R"({"id":"s-)" + ends + R"(","status":{"state":")" + state +
         R"("},"createdBy":"ana","comment":"being fixed",)" +
         R"("startsAt":"2026-11-29T02:00:00.000Z","endsAt":")" + ends +
         R"(","updatedAt":"2026-11-29T02:00:00.000Z","matchers":[)" + matchers +
         "]}";
}

std::string Is(const std::string& name, const std::string& value) {
  return R"({"name":")" + name + R"(","value":")" + value +
         R"(","isRegex":false,"isEqual":true})";
}

bool Silenced(const std::string& json, const Labels& labels,
              int64_t now_ns = kNow) {
  const auto silences = ParseSilences(json);
  EXPECT_TRUE(silences.ok()) << silences.status();
  return silences.ok() &&
         Silencing(silences->active, labels, now_ns).has_value();
}

const Labels kLabels = {{"alertname", "PlimsollMemoryLeak"},
                        {"workload", "routing-api"},
                        {"severity", "page"}};

TEST(Silences, AllMatchersMustHold) {
  EXPECT_TRUE(
      Silenced("[" + Silence(Is("workload", "routing-api")) + "]", kLabels));
  EXPECT_FALSE(Silenced("[" +
                            Silence(Is("workload", "routing-api") + "," +
                                    Is("severity", "ticket")) +
                            "]",
                        kLabels));
  // Without isEqual, as Alertmanager up to 0.21 wrote it.
  EXPECT_TRUE(Silenced(
      "[" + Silence(R"({"name":"workload","value":"routing-api"})") + "]",
      kLabels));
}

TEST(Silences, RegularExpressionsAreAnchoredAndMayBeNegated) {
  const auto regex = [](const std::string& value, bool equal) {
    return "[" +
           Silence(R"({"name":"workload","value":")" + value +
                   R"(","isRegex":true,"isEqual":)" +
                   (equal ? "true" : "false") + "}") +
           "]";
  };
  EXPECT_TRUE(Silenced(regex("routing-.*", true), kLabels));
  EXPECT_FALSE(Silenced(regex("routing", true), kLabels));
  EXPECT_FALSE(Silenced(regex("a|routing", true), kLabels)) << "both anchored";
  EXPECT_FALSE(Silenced(regex("routing-.*", false), kLabels));
  EXPECT_TRUE(Silenced(regex("orders-.*", false), kLabels));
}

TEST(Silences, ALabelThatIsAbsentIsEmpty) {
  EXPECT_TRUE(Silenced("[" + Silence(Is("owner", "")) + "]", kLabels));
  EXPECT_FALSE(Silenced("[" + Silence(Is("owner", "ana")) + "]", kLabels));
}

TEST(Silences, HoldFromTheirStartToTheirEnd) {
  const std::string json = "[" + Silence(Is("severity", "page")) + "]";
  EXPECT_FALSE(Silenced(json, kLabels, kNow - 3601 * kSecond));
  EXPECT_TRUE(Silenced(json, kLabels, kNow + 7199 * kSecond));
  EXPECT_FALSE(Silenced(json, kLabels, kNow + 7200 * kSecond));
  EXPECT_FALSE(Silenced(
      "[" + Silence(Is("severity", "page"), "2026-11-29T05:00:00Z", "expired") +
          "]",
      kLabels));
}

TEST(Silences, TheOneThatEndsLastIsShown) {
  const auto found = ParseSilences(
      "[" + Silence(Is("severity", "page")) + "," +
      Silence(Is("severity", "page"), "2026-11-29T09:00:00.5+01:00") + "," +
      Silence(Is("severity", "page"), "2026-11-29T06:00:00Z") + "]");
  ASSERT_TRUE(found.ok());
  const auto one = Silencing(found->active, kLabels, kNow);
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->ends_at_ns, kNow + 5 * 3600 * kSecond + kSecond / 2);
  EXPECT_EQ(one->created_by, "ana");
  EXPECT_EQ(one->comment, "being fixed");
}

TEST(Silences, WhatCannotBeReadSilencesNothingAndIsCounted) {
  EXPECT_FALSE(ParseSilences("").ok());
  EXPECT_FALSE(ParseSilences("{\"error\":\"x\"}").ok());
  EXPECT_FALSE(ParseSilences("<html>").ok());
  const auto found = ParseSilences(
      "[1, null, {}, " +
      Silence(R"({"name":"workload","value":"(","isRegex":true})") + "," +
      Silence(R"({"name":"workload","value":7})") + "," +
      Silence(Is("severity", "page"), "soon") + "," + Silence("") + "," +
      Silence(Is("severity", "page")) + "]");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->unreadable, 7);
  EXPECT_EQ(found->active.size(), 1u);
}

}  // namespace
}  // namespace plimsoll::collector::notify
