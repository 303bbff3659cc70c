#include "agent/procfs/workload_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::procfs {
namespace {

using ::testing::HasSubstr;

std::vector<WorkloadRule> Rules(const std::vector<std::string>& texts) {
  std::vector<WorkloadRule> rules;
  for (const std::string& text : texts) {
    auto rule = ParseWorkloadRule(text);
    EXPECT_TRUE(rule.ok()) << rule.status();
    if (rule.ok()) rules.push_back(*std::move(rule));
  }
  return rules;
}

core::ProcessDescription Process() {
  core::ProcessDescription process;
  process.workload = {"c", "ns", "command", "app", "argv"};
  process.command = "python3 /srv/orders/sync.py";
  process.cgroup = "/batch/nightly";
  process.version = "1";
  return process;
}

TEST(WorkloadRuleTest, TheFirstThatFitsSaysWhoseItIs) {
  const auto rules =
      Rules({"unit=other.service -> name=no",
             " cgroup=/batch/*  command=python3?*/sync.py ->  name=sync"
             " namespace=batch owner=payments version=7 region=eu",
             "command=* -> name=rest"});
  core::ProcessDescription process = Process();
  EXPECT_TRUE(ApplyWorkloadRules(rules, {}, process));
  EXPECT_EQ(process.workload.name, "sync");
  EXPECT_EQ(process.workload.ns, "batch");
  EXPECT_EQ(process.workload.kind, "command");
  EXPECT_EQ(process.workload.source, "rule");
  EXPECT_EQ(process.owner + process.version + process.region, "payments7eu");
  process = Process();
  process.cgroup = "/other";
  EXPECT_TRUE(ApplyWorkloadRules(rules, {}, process));
  EXPECT_EQ(process.workload.name, "rest");
  EXPECT_EQ(process.owner, "");
}

TEST(WorkloadRuleTest, WithoutOneThatFitsAllStaysAsItIs) {
  core::ProcessDescription process = Process();
  CgroupNames names;
  names.unit = "orders-2.service";
  EXPECT_FALSE(
      ApplyWorkloadRules(Rules({"unit=orders.* -> name=x"}), names, process));
  EXPECT_EQ(process.workload, Process().workload);
  EXPECT_TRUE(ApplyWorkloadRules(Rules({"unit=orders-*.service -> owner=o"}),
                                 names, process));
  EXPECT_EQ(process.owner, "o");
  EXPECT_EQ(process.workload, Process().workload) << "only what it says";
}

TEST(WorkloadRuleTest, MistakesAreNamed) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"unit=a name=b", "is not like unit=orders-*.service -> name=orders"},
      {"units=a -> name=b",
       "\"units=a\" is not NAME=VALUE with one of command"},
      {"unit=a -> nme=b", "one of name, namespace"},
      {"unit= -> name=b", "\"unit=\""},
      {"unit=a -> name", "\"name\""},
      {"-> name=b", "nothing on one side"},
      {"unit=a ->", "nothing on one side"},
      {"", "is not like"},
  };
  for (const auto& [text, said] : mistakes) {
    auto rule = ParseWorkloadRule(text);
    ASSERT_FALSE(rule.ok()) << text;
    EXPECT_THAT(std::string(rule.status().message()), HasSubstr(said));
  }
}

}  // namespace
}  // namespace plimsoll::procfs
