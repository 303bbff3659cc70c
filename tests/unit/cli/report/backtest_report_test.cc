#include "cli/report/backtest_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace plimsoll::cli {
namespace {

using collector::Incident;
using collector::SaidKind;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kAt = 1'700'000'000'000'000'000;

Incident MakeIncident() {
  Incident i;
  i.id = "7";
  i.workload = {"", "shop", "", "orders"};
  i.cause = collector::Verdict::kLeak;
  i.bytes_per_s = {1000, 900, 1100};
  i.window_s = 3600;
  i.time_to_limit = collector::TimeToLimit{7200, 9000};
  collector::AffectedProcess p;
  p.pod = "orders-1";
  p.region = "eu";
  p.version = "v2";
  p.leaking = true;
  i.processes = {p};
  p.pod = "orders-2";
  p.leaking = false;
  i.processes.push_back(p);
  i.processes.push_back(i.processes[0]);
  i.processes.back().pod = "orders-0";
  i.processes.back().region = "";
  collector::TrafficCause cause;
  cause.attributes = "city=singapore,outcome=exception";
  cause.bytes_per_request = {3e6, 2e6, 4e6};
  cause.share = 0.8;
  cause.inseparable_from = {"city=lima"};
  i.traffic.causes = {cause};
  return i;
}

TEST(BacktestReport, ALineIsTheContract) {
  const Incident incident = MakeIncident();
  const std::string text = SaidJson({SaidKind::kPage, kAt, incident});
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const json line = json::parse(text);
  EXPECT_EQ(line, json::parse(R"({"at": 1700000000.0, "id": "7",
      "kind": "page", "namespace": "shop", "workload": "orders",
      "regions": ["eu"], "versions": ["v2"], "pods": ["orders-0", "orders-1"],
      "bytes_per_s": 1000.0, "ci": [900.0, 1100.0], "window_s": 3600.0,
      "model_limited": null,
      "cause": "leak", "oom_at": [1700007200.0, 1700009000.0],
      "attributes": [{"key": "city,outcome", "value": "singapore,exception",
        "bytes_per_request": 3000000.0, "ci": [2000000.0, 4000000.0],
        "share": 0.8}],
      "groups": [["city=singapore,outcome=exception", "city=lima"]]})"));
}

TEST(BacktestReport, WhatIsNotKnownIsNull) {
  Incident incident = MakeIncident();
  incident.time_to_limit.reset();
  incident.bytes_per_s = {};
  const json line = json::parse(SaidJson({SaidKind::kTicket, kAt, incident}));
  EXPECT_TRUE(line["oom_at"].is_null());
  EXPECT_EQ(line["ci"], json::parse("[null, null]"));
  EXPECT_EQ(line["kind"], "ticket");
}

TEST(BacktestReport, AnIntervalThatMayMissSaysWhy) {
  Incident incident = MakeIncident();
  incident.model_limited = "it is young";
  const json line = json::parse(SaidJson({SaidKind::kPage, kAt, incident}));
  EXPECT_EQ(line["model_limited"], "it is young");
}

TEST(BacktestReport, TheSummaryIsTheContract) {
  const json line = json::parse(BacktestSummaryJson(
      {.series = 5, .pods = 4, .pod_days = 2.5, .pages = 1, .tickets = 2}, {}));
  for (const char* key : {"series", "pods", "pod_days", "pages", "tickets"}) {
    EXPECT_TRUE(line.contains(key)) << key;
  }
  EXPECT_EQ(line["pod_days"], 2.5);
}

TEST(BacktestReport, TheStoryOfAnIncidentIsOneRow) {
  BacktestStory story;
  Incident incident = MakeIncident();
  story.Add({SaidKind::kTicket, kAt, incident});
  story.Add({SaidKind::kPage, kAt + 60'000'000'000, incident});
  story.Add({SaidKind::kResolved, kAt + 120'000'000'000, incident});
  incident.id = "8";
  incident.workload.name = "evil\x1b[2J";
  story.Add({SaidKind::kTicket, kAt, incident});
  ASSERT_EQ(story.incidents().size(), 2u);
  EXPECT_EQ(story.incidents()[0].kind, SaidKind::kPage);
  EXPECT_EQ(story.incidents()[0].at_ns, kAt);
  const std::string text = RenderBacktest(
      story.incidents(), {.pods = 4, .pod_days = 2.5, .pages = 1, .tickets = 1},
      {"a note"}, {});
  EXPECT_THAT(text, HasSubstr("2023-11-14 22:13  PAGE    shop/orders"));
  EXPECT_THAT(text, HasSubstr("2023-11-14 22:15"));
  EXPECT_THAT(text, HasSubstr("2 h to 2 h 30 m"));
  EXPECT_THAT(text, HasSubstr("1 pages and 1 tickets in 2.5 pod-days"));
  EXPECT_THAT(text, HasSubstr("note: a note"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(BacktestReport, NothingToSayIsSaid) {
  EXPECT_THAT(RenderBacktest({}, {}, {}, {}),
              HasSubstr("nothing would have been paged"));
}

TEST(Sparkline, SpansItsOwnRange) {
  EXPECT_EQ(Sparkline({0, 1, 2, 3, 4, 5, 6, 7}), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(Sparkline({5, std::nan(""), 5}), "▁ ▁");
  EXPECT_EQ(Sparkline({}), "");
}

}  // namespace
}  // namespace plimsoll::cli
