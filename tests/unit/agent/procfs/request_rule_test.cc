#include "agent/procfs/request_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::procfs {
namespace {

using ::testing::HasSubstr;

TEST(RequestRuleTest, WhereMetricsAndStatisticsAre) {
  auto rule = ParseRequestRule("unit=orders-*.service -> metrics=8000/m?all=1");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->metrics, (core::MetricsEndpoint{8000, "/m?all=1"}));
  EXPECT_EQ(rule->uwsgi, "");
  rule = ParseRequestRule("command=uwsgi* -> metrics=9000 uwsgi=/run/s.sock");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->metrics, (core::MetricsEndpoint{9000, "/metrics"}));
  EXPECT_EQ(rule->uwsgi, "/run/s.sock");
  rule = ParseRequestRule("container=* -> metrics=off uwsgi=off");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_TRUE(rule->metrics_off);
  EXPECT_TRUE(rule->uwsgi_off);
  EXPECT_FALSE(rule->metrics.has_value());
}

TEST(RequestRuleTest, MistakesAreNamed) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"metrics=8000", "is not like unit=orders.service -> metrics=8000"},
      {"unit=a -> name=b", "one of metrics, uwsgi"},
      {"port=1 -> metrics=8000", "one of command, unit, cgroup, container"},
      {"unit=a ->", "nothing on one side"},
      {"unit=a -> metrics=/metrics", "\"/metrics\" is not PORT or PORT/PATH"},
      {"unit=a -> metrics=0", "no port of metrics: \"0\""},
      {"unit=a -> metrics=80000", "no port of metrics"},
      {"unit=a -> metrics=80/a#b", "no path of metrics"},
  };
  for (const auto& [text, said] : mistakes) {
    const auto rule = ParseRequestRule(text);
    ASSERT_FALSE(rule.ok()) << text;
    EXPECT_THAT(std::string(rule.status().message()), HasSubstr(said));
  }
}

TEST(RequestRuleTest, TheFirstThatFits) {
  const std::vector<RequestRule> rules = {
      *ParseRequestRule("unit=a.service command=uwsgi -> uwsgi=@a"),
      *ParseRequestRule("unit=a.* -> uwsgi=@b")};
  CgroupNames names;
  names.unit = "a.service";
  core::ProcessDescription process;
  process.command = "uwsgi";
  EXPECT_EQ(FindRequestRule(rules, names, process), &rules[0]);
  process.command = "python3";
  EXPECT_EQ(FindRequestRule(rules, names, process), &rules[1]);
  EXPECT_EQ(FindRequestRule(rules, {}, process), nullptr);
}

}  // namespace
}  // namespace plimsoll::procfs
