#include "cli/report/agent_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/report/top_report.h"

namespace plimsoll::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kMetrics[] = R"(# HELP x y
plimsoll_agent_governor_requests_total{tier="1",outcome="granted"} 12
plimsoll_agent_governor_requests_total{tier="1",outcome="refused"} 0
plimsoll_agent_governor_requests_total{tier="4",outcome="granted"} 3
plimsoll_agent_governor_requests_total{tier="4",outcome="refused"} 1
plimsoll_agent_governor_revoked_total{tier="1"} 0
plimsoll_agent_governor_revoked_total{tier="4"} 2
plimsoll_agent_governor_spent_seconds_total{tier="1"} 0.00125
plimsoll_agent_governor_spent_seconds_total{tier="4"} 1.5
plimsoll_agent_governor_budget_left_ratio{tier="1"} 0.99
plimsoll_agent_governor_budget_left_ratio{tier="4"} -0.01
plimsoll_agent_hit_cost_seconds{instruction="emulated"} 5.5e-07
plimsoll_agent_hit_cost_seconds{instruction="single_stepped"} 1.9e-05
)";

std::string Replaced(const std::string& from, const std::string& to) {
  std::string text = kMetrics;
  return text.replace(text.find(from), from.size(), to);
}

TEST(AgentMetrics, GovernorIsReadAndSaid) {
  const auto view = ParseGovernor(kMetrics);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->tier1.granted, 12);
  EXPECT_EQ(view->tier4.refused, 1);
  EXPECT_EQ(view->tier4.revoked, 2);
  EXPECT_DOUBLE_EQ(view->tier4.budget_left, -0.01);
  const std::string line = GovernorLine(*view);
  EXPECT_THAT(line, HasSubstr("always on: 12 granted, 0 refused, 0 revoked"));
  EXPECT_THAT(line, HasSubstr("3 granted, 1 refused, 2 revoked, 1.50 s"));
  EXPECT_THAT(line, HasSubstr("0 % left"));
  EXPECT_THAT(line, HasSubstr("a hit costs 550 ns"));
}

TEST(AgentMetrics, WhatIsMissingOrNoNumberIsNotSaid) {
  EXPECT_FALSE(ParseGovernor("").has_value());
  EXPECT_FALSE(ParseGovernor("\nplimsoll_agent_processes 3\n").has_value());
  for (const char* value : {"", "x", "-3", "nan", "inf", "1e300", "12 13"}) {
    EXPECT_FALSE(ParseGovernor(Replaced("\"granted\"} 12",
                                        std::string("\"granted\"} ") + value))
                     .has_value())
        << value;
  }
  EXPECT_FALSE(ParseGovernor(Replaced(" 1.9e-05", " 1e10")).has_value());
}

TEST(TopReport, SaysWhatTheGovernorDid) {
  TopReport report;
  EXPECT_TRUE(json::parse(TopJson(report))["governor"].is_null());
  report.governor = ParseGovernor(kMetrics);
  const json governor = json::parse(TopJson(report))["governor"];
  EXPECT_EQ(governor["tier4"]["granted"], 3);
  EXPECT_DOUBLE_EQ(governor["emulated_hit_s"].get<double>(), 5.5e-7);
  EXPECT_THAT(RenderTop(report, {}, 0), HasSubstr("12 granted"));
}

}  // namespace
}  // namespace plimsoll::cli
