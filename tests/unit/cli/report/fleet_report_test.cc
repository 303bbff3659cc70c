#include "cli/report/fleet_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kIncidents[] = R"({"incidents": [{"id": "7", "state": "firing",
  "cause": "python-object", "opened_ns": 1000000000000,
  "workload": {"cluster": "", "namespace": "demo", "kind": "service",
               "name": "routing-api"},
  "text": {"title": "routing-api leaks 12.4 MiB/min",
           "what": "routing.vehicles.FloatingVehicle +65,000/min",
           "made_at": "routing/vehicles.py:118 load", "held_by": "\u001b[2J"}}]})";

TEST(FleetReport, IncidentsReadLikeTheirPage) {
  const auto text = RenderIncidents(kIncidents, 1120000000000, false, {});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("routing-api leaks 12.4 MiB/min\n"));
  EXPECT_THAT(*text, HasSubstr("firing, python-object, for 2 m"));
  EXPECT_THAT(*text, HasSubstr("demo/service/routing-api"));
  EXPECT_THAT(*text, HasSubstr("  made at   routing/vehicles.py:118 load\n"));
  EXPECT_THAT(*text, Not(HasSubstr("\x1b")));
}

TEST(FleetReport, JsonIsTheApisWithTheHeadOfTheCommand) {
  const auto text = FleetJson("incidents", kIncidents);
  ASSERT_TRUE(text.ok());
  const json document = json::parse(*text);
  EXPECT_EQ(document["schema"], "plimsoll.incidents/1");
  EXPECT_EQ(document["incidents"], json::parse(kIncidents)["incidents"]);
}

TEST(FleetReport, WorkloadsAreATable) {
  const auto text = RenderWorkloads(
      R"({"workloads": [{"namespace": "demo", "kind": "service",
          "name": "routing-api", "regions": ["eu-west-3", "ap-southeast-1"],
          "versions": ["1"], "processes": 4, "rss_bytes": 104857600,
          "anon_bytes_per_s": null, "no_limit": 3, "verdict": "warm-up"}]})",
      {});
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("demo/service/routing-api"));
  EXPECT_THAT(*text, HasSubstr("NO LIMIT"));
  EXPECT_THAT(*text, HasSubstr(" 3 of 4  warm-up  demo/"));
  EXPECT_THAT(*text, HasSubstr("100 MiB"));
  EXPECT_THAT(*text, HasSubstr("eu-west-3, ap-southeast-1"));
}

TEST(FleetReport, ForeignAnswersDoNoHarm) {
  for (const char* body : {"", "[]", "<html>", "{"}) {
    EXPECT_FALSE(RenderIncidents(body, 0, true, {}).ok()) << body;
    EXPECT_FALSE(FleetJson("incidents", body).ok()) << body;
  }
  for (const char* body : {"{}", R"({"incidents": 5, "workloads": [7, {}]})",
                           R"({"incidents": [{"text": 1, "workload": []}]})"}) {
    EXPECT_TRUE(RenderIncidents(body, 0, false, {.width = 10}).ok()) << body;
    EXPECT_TRUE(RenderWorkloads(body, {.width = 10}).ok()) << body;
  }
}

// Found by the fuzzer: such a number was cast to int64_t, which is undefined.
TEST(FleetReport, NumbersThatNoIntegerHoldsAreLeftOut) {
  const auto incidents = RenderIncidents(
      R"({"incidents": [{"state": "firing", "opened_ns": 1e300}]})", 0, true,
      {});
  ASSERT_TRUE(incidents.ok());
  EXPECT_THAT(*incidents, Not(HasSubstr("for ")));
  const auto workloads = RenderWorkloads(
      R"({"workloads": [{"name": "w", "processes": -1e300, "rss_bytes": 1e300,
          "anon_bytes_per_s": 1e300}]})",
      {});
  ASSERT_TRUE(workloads.ok());
  EXPECT_THAT(*workloads, HasSubstr("0 B"));
  EXPECT_THAT(*workloads, HasSubstr("-  -        w"));
}

}  // namespace
}  // namespace plimsoll::cli
