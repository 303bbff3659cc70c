#include "cli/report/drill_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

Options Defaults() {
  Options options;
  options.for_ns = int64_t{600} * 1'000'000'000;
  options.rate_bytes_per_min = 15 * kMiB;
  options.limit_bytes = 256 * kMiB;
  return options;
}

TEST(DrillPlan, TheDefaultsStayUnderTheirLimit) {
  const auto plan = PlanDrill(Defaults());
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->most_bytes, 150 * kMiB);
  EXPECT_EQ(plan->limit_bytes, 256 * kMiB);
  EXPECT_NEAR(plan->objects_per_s * 536, plan->bytes_per_s, 1);
}

TEST(DrillPlan, WhatWouldDoHarmIsRefusedInWords) {
  Options options = Defaults();
  options.limit_bytes = 128 * kMiB;
  EXPECT_THAT(std::string(PlanDrill(options).status().message()),
              HasSubstr("80.0 MiB is the most under a limit of 128 MiB"));
  options = Defaults();
  options.limit_bytes = 0;
  EXPECT_TRUE(PlanDrill(options).ok());
  options.for_ns *= 100;
  EXPECT_THAT(std::string(PlanDrill(options).status().message()),
              HasSubstr("1.00 GiB is the most under no limit"));
  options = Defaults();
  options.rate_bytes_per_min = 100;
  EXPECT_EQ(PlanDrill(options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DrillPlan, SaysPidRateAndEnd) {
  RunningDrill drill;
  drill.plan = *PlanDrill(Defaults());
  drill.pid = 4711;
  drill.will_end_unix_s = 1795921200;
  const json document = json::parse(DrillJson(drill));
  EXPECT_EQ(document["schema"], "plimsoll.drill/1");
  EXPECT_EQ(document["pid"], 4711);
  EXPECT_EQ(document["rate"], 262144.0);
  EXPECT_EQ(document["will_end_unix_s"], 1795921200.0);
  EXPECT_EQ(document["limit_bytes"], 256 * kMiB);
  EXPECT_THAT(RenderDrill(drill, {}),
              HasSubstr("pid 4711 of workload plimsoll-drill leaks 15.0 "
                        "MiB/min of plimsoll_drill.Leaked for 10 m"));
  drill.plan.limit_bytes = 0;
  drill.why_no_limit = "not root";
  EXPECT_THAT(RenderDrill(drill, {}),
              HasSubstr("No limit is set for it: not root."));
  EXPECT_TRUE(json::parse(DrillJson(drill))["limit_bytes"].is_null());
}

}  // namespace
}  // namespace plimsoll::cli
