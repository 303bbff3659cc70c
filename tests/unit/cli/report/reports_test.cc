// What scripts rely on (keys and values of the JSON) and what people read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cli/report/gc_report.h"
#include "cli/report/ps_report.h"
#include "cli/report/stacks_report.h"
#include "cli/report/top_report.h"
#include "cli/report/types_report.h"

namespace plimsoll::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

const Subject kSubject = {.pid = 4711,
                          .start_unix_s = 1700000000.25,
                          .python = "3.11.2",
                          .workload = "orders"};

void ExpectHead(const json& document, const std::string& verb) {
  EXPECT_EQ(document["schema"], "plimsoll." + verb + "/1");
  EXPECT_EQ(document["pid"], 4711);
  EXPECT_EQ(document["start_unix_s"], 1700000000.25);
  EXPECT_EQ(document["python"], "3.11.2");
  EXPECT_TRUE(document["notes"].is_array());
}

TypesReport MakeTypes() {
  TypesReport report{.subject = kSubject, .census = {}, .notes = {"a note"}};
  report.census.types = {
      {.type = "orders.Order", .objects = 200000, .bytes = 9600000},
      {.type = "str", .objects = 10, .bytes = 640},
      {.type = "bad\xff\x1b[2J", .objects = 1, .bytes = 16}};
  report.census.coverage = {.seen = 200011, .total = 200012};
  report.census.size_classes = {{.block_bytes = 48, .blocks_live = 200012}};
  report.census.malloc.live_chunks = 5;
  return report;
}

TEST(TypesReport, JsonIsTheContract) {
  const json document = json::parse(TypesJson(MakeTypes()));
  ExpectHead(document, "types");
  EXPECT_EQ(document["types"][0], json({{"type", "orders.Order"},
                                        {"objects", 200000},
                                        {"bytes", 9600000}}));
  EXPECT_EQ(document["coverage"]["blocks_seen"], 200011);
  EXPECT_EQ(document["coverage"]["sampled"], false);
  EXPECT_NEAR(document["coverage"]["share"], 0.999995, 1e-6);
  EXPECT_EQ(document["notes"], json({"a note"}));
}

TEST(TypesReport, TableStatesCoverageAndWhatItCuts) {
  TypesReport report = MakeTypes();
  report.top = 1;
  const std::string text = RenderTypes(report, {});
  EXPECT_THAT(text, HasSubstr("200,000  9.16 MiB"));
  EXPECT_THAT(text, HasSubstr("99.99 % of 200,012 live pymalloc blocks"));
  EXPECT_THAT(text, HasSubstr("2 types more"));
  EXPECT_THAT(text, HasSubstr("note: a note"));
  report.top = 0;
  EXPECT_THAT(RenderTypes(report, {}), Not(HasSubstr("\x1b")));
}

TEST(TypesReport, WhatIsEstimatedSaysHowWell) {
  TypesReport report = MakeTypes();
  report.census.coverage = {.seen = 2000, .total = 200012, .sampled = true};
  report.census.types[0].standard_error = 1000;
  const std::string text = RenderTypes(report, {});
  EXPECT_THAT(text, HasSubstr("200,000  1,960  9.16 MiB"));
  EXPECT_THAT(text, HasSubstr("a random sample; ± is 95 %"));
  const json document = json::parse(TypesJson(report));
  EXPECT_EQ(document["types"][0]["objects_standard_error"], 1000);
  EXPECT_EQ(document["coverage"]["sampled"], true);
}

TEST(TypesReport, WhatIsNotSeenOrCannotBeIsSaid) {
  TypesReport report = MakeTypes();
  report.census.implausible_claims = 3;  // objects that changed meanwhile
  EXPECT_EQ(ImplausibleNote(report.census), "");
  report.census.implausible_claims = 12345;
  EXPECT_THAT(ImplausibleNote(report.census), HasSubstr("12,345 claims"));
  EXPECT_EQ(json::parse(TypesJson(report))["coverage"]["implausible_claims"],
            12345);
  EXPECT_THAT(CoverageLine(report.census), Not(HasSubstr("not glibc's")));
  report.census.malloc.live_chunks = 0;
  EXPECT_THAT(CoverageLine(report.census), HasSubstr("not glibc's"));
  report.census.size_classes.clear();
  EXPECT_THAT(CoverageLine(report.census), HasSubstr("chunks of malloc"));
}

TEST(PsReport, JsonGivesEachTierAWordOrAReason) {
  PsReport report;
  PsProcess process{.pid = 7,
                    .parent_pid = 5,
                    .python = "3.12.1",
                    .workload = "orders",
                    .rss_bytes = 100,
                    .anon_bytes = 50};
  process.tiers = {
      {.tier = core::Tier::kMemory, .ok = true},
      {.tier = core::Tier::kStacks, .ok = false, .reason = "no probes"}};
  report.processes = {process};
  report.uprobe_rung = "tracefs";
  report.rung_refusals = {{"uprobe_multi", "kernel >= 6.6 has it"}};
  const json document = json::parse(PsJson(report));
  EXPECT_EQ(document["uprobes"],
            json({{"rung", "tracefs"},
                  {"refused", {{"uprobe_multi", "kernel >= 6.6 has it"}}}}));
  EXPECT_EQ(document["schema"], "plimsoll.ps/1");
  const json& row = document["processes"][0];
  EXPECT_EQ(row["pid"], 7);
  EXPECT_EQ(row["parent_pid"], 5);
  EXPECT_EQ(row["rss_bytes"], 100);
  EXPECT_TRUE(row["limit_bytes"].is_null());
  EXPECT_EQ(row["tiers"], json({{"memory", "ok"}, {"stacks", "no probes"}}));
  const std::string text = RenderPs(report, {});
  EXPECT_THAT(text, HasSubstr("not seen: stacks of pid 7: no probes"));
  EXPECT_THAT(text, HasSubstr("probes are attached by tracefs"));
}

TEST(PsReport, SaysSoWhenThereIsNone) {
  EXPECT_THAT(RenderPs({}, {}), HasSubstr("no Python process"));
  EXPECT_EQ(json::parse(PsJson({}))["processes"], json::array());
  EXPECT_TRUE(json::parse(PsJson({}))["uprobes"]["rung"].is_null());
}

GcReport MakeGc() {
  GcReport report{.subject = kSubject, .seconds = 60, .source = "uprobe"};
  report.before.generations = {{.collections = 100}, {}, {}};
  report.after.generations = {
      {.collections = 110, .collected = 33, .uncollectable = 2}, {}, {}};
  report.after.enabled = true;
  core::GcPauses pauses{.count = 10, .sum_ns = 20000, .max_ns = 3000};
  pauses.log2_ns_counts[10] = 9;  // 1024 <= pause < 2048
  pauses.log2_ns_counts[11] = 1;
  report.pauses = {pauses, {}, {}};
  return report;
}

TEST(GcReport, JsonIsTheContract) {
  const json document = json::parse(GcJson(MakeGc()));
  ExpectHead(document, "gc");
  EXPECT_EQ(document["enabled"], true);
  const json& first = document["generations"][0];
  EXPECT_EQ(first["collections"], 110);
  EXPECT_EQ(first["collected"], 33);
  EXPECT_EQ(first["uncollectable"], 2);
  EXPECT_EQ(first["collections_in_window"], 10);
  EXPECT_EQ(first["pause_ns"]["p50"], 2047);
  EXPECT_EQ(first["pause_ns"]["p99"], 3000);  // never past the maximum
  EXPECT_EQ(first["pause_ns"]["max"], 3000);
  EXPECT_EQ(first["pause_ns"]["sum"], 20000);
  EXPECT_TRUE(document["generations"][1]["pause_ns"]["p50"].is_null());
}

TEST(GcReport, WhatWasNotMeasuredIsNull) {
  GcReport report = MakeGc();
  report.pauses.clear();
  report.after.enabled.reset();
  const json document = json::parse(GcJson(report));
  EXPECT_TRUE(document["enabled"].is_null());
  EXPECT_TRUE(document["generations"][0]["pause_ns"].is_null());
  EXPECT_TRUE(document["frozen_objects"].is_null());
}

TEST(GcReport, SaysWhetherTheCollectorWorks) {
  GcReport report = MakeGc();
  EXPECT_EQ(JudgeCollector(report), Collector::kOn);
  report.after.thresholds = {700, 10, 10};
  EXPECT_EQ(JudgeCollector(report), Collector::kOn);
  EXPECT_THAT(RenderGc(report, {}), HasSubstr("thresholds 700, 10, 10"));
  report.after.thresholds[0] = 0;
  EXPECT_EQ(JudgeCollector(report), Collector::kThresholdZero);
  report.after.enabled = false;
  EXPECT_EQ(JudgeCollector(report), Collector::kOff);
  EXPECT_THAT(RenderGc(report, {}), HasSubstr("off (gc.disable())"));
  EXPECT_EQ(json::parse(GcJson(report))["collector"], "off");
  report.after.enabled.reset();
  EXPECT_EQ(JudgeCollector(report), Collector::kUnknown);
}

TEST(GcReport, AnOldGenerationThatIsDueAndWaits) {
  GcReport report = MakeGc();
  report.after.thresholds = {700, 10, 10};
  report.before.generations[2].collections = 4;
  report.after.generations[2].collections = 4;
  report.after.generations[1].collections = 11;
  EXPECT_EQ(JudgeCollector(report), Collector::kOn) << "not due yet";
  report.after.generations[1].collections = 12;
  report.after.long_lived = {.total = 1000, .pending = 250};
  EXPECT_EQ(JudgeCollector(report), Collector::kOldNotReached);
  EXPECT_THAT(RenderGc(report, {}), HasSubstr("quarter of the 1,000 objects"));
  EXPECT_EQ(json::parse(GcJson(report))["long_lived"]["pending"], 250);
  report.after.generations[2].collections = 5;
  EXPECT_EQ(JudgeCollector(report), Collector::kOn);
}

TEST(GcReport, AnOldGenerationOutOfReach) {
  GcReport report = MakeGc();
  report.seconds = 0;
  report.after.thresholds = {700, 10, 100000};
  report.after.generations[1].collections = 100;
  report.before = report.after;
  EXPECT_EQ(JudgeCollector(report), Collector::kOn);
  report.after.generations[1].collections = 1000;
  report.before = report.after;
  EXPECT_EQ(JudgeCollector(report), Collector::kOldNotReached);
  EXPECT_THAT(RenderGc(report, {}), HasSubstr("never been collected in 1,000"));
}

TEST(GcReport, FrozenObjectsAndPausesBesideTheHeap) {
  GcReport report = MakeGc();
  report.after.frozen_objects = 12345;
  report.heap_before = {.blocks = 1000, .bytes = 64000};
  report.heap_after = {.blocks = 3000, .bytes = 192000};
  report.pauses[1].sum_ns = 599'980'000;
  report.pauses.push_back({.count = 2, .sum_ns = 0});
  const std::string text = RenderGc(report, {});
  EXPECT_THAT(text, HasSubstr("12,345 objects are frozen"));
  EXPECT_THAT(text, HasSubstr("live Python blocks +2,000 (+125 KiB) in"));
  EXPECT_THAT(text, HasSubstr("stood still for 600.00 ms"));
  EXPECT_THAT(text, HasSubstr("2 collections of an unknown generation"));
  const json document = json::parse(GcJson(report));
  EXPECT_EQ(document["frozen_objects"], 12345);
  EXPECT_EQ(document["heap"]["live_bytes_delta"], 128000);
  EXPECT_NEAR(document["pause_share"].get<double>(), 0.01, 1e-4);
  EXPECT_EQ(document["pauses_of_unknown_generation"], 2);
}

core::StackProfile MakeWindow() {
  core::StackProfile profile;
  core::Stack leak;
  leak.frames = {
      {.function = "load", .file = "v.py", .line = 118, .module = "v"},
      {.function = "route", .file = "app.py", .line = 44}};
  core::Stack churn;
  churn.frames = {{.function = "parse", .file = "p.py", .line = 3}};
  profile.stacks = {leak, churn};
  profile.counts = {{.stack_index = 1, .type = "dict", .allocations = 900},
                    {.stack_index = 0,
                     .type = "v.Car",
                     .allocations = 60,
                     .allocated_bytes = 6000},
                    {.stack_index = 1,
                     .type = "v.Car",
                     .allocations = 40,
                     .allocated_bytes = 4000},
                    {.stack_index = 99, .type = "v.Car", .allocations = 1}};
  return profile;
}

TEST(StacksReport, RanksGrowingTypesFirstAndSumsWindows) {
  StacksReport report{.subject = kSubject, .seconds = 60};
  FillRows({MakeWindow(), MakeWindow()}, {{"v.Car", 3000}, {"str", 1000}},
           report);
  const json document = json::parse(StacksJson(report));
  ExpectHead(document, "stacks");
  const json& first = document["stacks"][0];
  EXPECT_EQ(first["type"], "v.Car");
  EXPECT_EQ(first["kind"], "window");
  EXPECT_EQ(first["objects"], 120);
  EXPECT_EQ(first["bytes"], 12000);
  EXPECT_DOUBLE_EQ(first["share"], 0.6);
  EXPECT_EQ(first["frames"][0], json({{"function", "load"},
                                      {"file", "v.py"},
                                      {"line", 118},
                                      {"module", "v"}}));
  EXPECT_EQ(document["stacks"].size(), 3u);
  EXPECT_DOUBLE_EQ(document["explained_share"], 0.75);
}

TEST(StacksReport, KeepsToTheTypeThatWasAskedFor) {
  StacksReport report{.subject = kSubject, .type_filter = "dict"};
  FillRows({MakeWindow()}, {}, report);
  ASSERT_EQ(report.rows.size(), 1u);
  EXPECT_EQ(report.rows[0].type, "dict");
  EXPECT_FALSE(report.explained_share.has_value());  // nothing grew
  EXPECT_THAT(RenderStacks(report, {}), HasSubstr("parse (p.py:3)"));
}

TEST(StacksReport, NetCountsThatWereNotTakenAreNotCalledTrusted) {
  StacksReport report{.subject = kSubject,
                      .net_counts_reason = "not measured: --verbose"};
  json document = json::parse(StacksJson(report));
  EXPECT_TRUE(document["net_counts_refused"].is_null());
  EXPECT_EQ(document["net_counts_reason"], "not measured: --verbose");
  report.verbose = true;
  EXPECT_THAT(RenderStacks(report, {}),
              HasSubstr("No net counts: not measured: --verbose"));
  report.net_counts_refused = true;
  report.net_counts_reason = "updates were lost";
  document = json::parse(StacksJson(report));
  EXPECT_EQ(document["net_counts_refused"], true);
  EXPECT_EQ(document["net_counts_reason"], "updates were lost");
  EXPECT_THAT(RenderStacks(report, {}),
              HasSubstr("Net counts are refused: updates were lost"));
  report.net_counts_refused = false;
  report.net_counts_reason.clear();
  document = json::parse(StacksJson(report));
  EXPECT_EQ(document["net_counts_refused"], false);
  EXPECT_TRUE(document["net_counts_reason"].is_null());
  EXPECT_THAT(RenderStacks(report, {}), HasSubstr("can be trusted"));
}

TEST(TopHistory, SortsByGrowthAndStartsAnewForAnotherProcess) {
  TopHistory history;
  const auto scan = [](int64_t a, int64_t b, uint64_t ticks_b) {
    return std::vector<PsProcess>{{.pid = 1, .start_ticks = 5, .anon_bytes = a},
                                  {.pid = 2,
                                   .start_ticks = ticks_b,
                                   .rss_bytes = b,
                                   .anon_bytes = b,
                                   .limit_bytes = 10000}};
  };
  auto rows = history.Add(0, scan(5000, 1000, 6));
  EXPECT_FALSE(rows[0].anon_bytes_per_s.has_value());
  rows = history.Add(10000000000, scan(5000, 2000, 6));
  EXPECT_EQ(rows[0].process.pid, 2);
  EXPECT_DOUBLE_EQ(*rows[0].anon_bytes_per_s, 100);
  EXPECT_DOUBLE_EQ(*rows[0].seconds_to_limit, 80);
  rows = history.Add(20000000000, scan(5000, 9000, 7));  // pid used again
  EXPECT_EQ(rows[0].process.pid, 2);  // nothing grows: the largest first
  EXPECT_FALSE(rows[0].anon_bytes_per_s.has_value());
  const json document = json::parse(TopJson({.rows = rows}));
  EXPECT_EQ(document["schema"], "plimsoll.top/1");
  EXPECT_TRUE(document["pid"].is_null());
  EXPECT_EQ(document["processes"].size(), 2u);
}

TEST(RenderTop, SaysThatThereIsNothing) {
  EXPECT_EQ(RenderTop({}, {}, 0), "no Python process is running here\n");
}

TEST(RenderTop, FitsTheScreen) {
  TopReport report;
  for (int i = 0; i < 50; ++i) {
    report.rows.push_back(
        {.process = {.pid = i, .workload = "orders", .anon_bytes = 1024}});
  }
  const std::string text = RenderTop(report, {.width = 60}, 10);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8);
}

TEST(StacksReport, SaysWhatAWatchCostOverTheWholeRun) {
  core::StackProfile watch;
  watch.end_boottime_ns = 10'000'000'000;
  watch.target_cpu_share = 0.03;
  EXPECT_EQ(WatchCost(watch, 20),
            "the watch cost the process 1.50 % of a core on average");
  watch.slowed_share = 0.14;
  watch.refusal = "none rested";
  EXPECT_EQ(WatchCost(watch, 20),
            "the watch cost the process 1.50 % of a core on average (it copies "
            "much memory: while a watchpoint stood, 14 % of its CPU time). "
            "none rested");
}

}  // namespace
}  // namespace plimsoll::cli
