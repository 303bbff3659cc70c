#include "cli/report/malloc_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace plimsoll::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

core::MallocStack Row(const char* function, core::MallocTally tally) {
  core::MallocStack row;
  row.stack.frames = {{function, "", 0, "libkeeper.so", true},
                      {"render", "app.py", 12, "", false}};
  row.tally = tally;
  return row;
}

MallocReport MakeReport() {
  MallocReport report{.subject = {.pid = 4711,
                                  .start_unix_s = 1700000000.25,
                                  .python = "3.11.2",
                                  .workload = "orders"},
                      .seconds = 30,
                      .window_seconds = 4.5,
                      .allocator = "glibc",
                      .module = "libc.so.6",
                      .windows = 3,
                      .windows_told = 2,
                      .refusal = "its budget was spent",
                      .rest_seconds = 0.75,
                      .drops = {{"no_thread_state", 4}},
                      .notes = {"a note"}};
  report.rows = {Row("churn", {.allocations = 90000,
                               .allocated_bytes = 9000000,
                               .frees = 89999,
                               .freed_bytes = 8999900}),
                 Row("keep", {.allocations = 400,
                              .allocated_bytes = 40000,
                              .frees = 100,
                              .freed_bytes = 10000,
                              .surviving_blocks = 200,
                              .surviving_bytes = 20000})};
  RankMallocRows(report);
  return report;
}

TEST(MallocReport, WhatSurvivedComesBeforeWhatIsMadeMost) {
  const std::string text = RenderMalloc(MakeReport(), {});
  EXPECT_THAT(text, HasSubstr("glibc's malloc in libc.so.6"));
  EXPECT_THAT(text, HasSubstr("100 %  200 survived, 19.5 KiB, of 400 allocated "
                              "(39.1 KiB), 300 not freed (29.3 KiB)"));
  EXPECT_LT(text.find("keep (libkeeper.so)"), text.find("churn (libkeeper"));
  EXPECT_THAT(text, HasSubstr("render (app.py:12)"));
  EXPECT_THAT(text, HasSubstr("note: a note"));
}

TEST(MallocReport, JsonIsTheContract) {
  const json document = json::parse(MallocJson(MakeReport()));
  EXPECT_EQ(document["schema"], "plimsoll.stacks/1");
  const json& first = document["stacks"][0];
  EXPECT_EQ(first["kind"], "malloc");
  EXPECT_EQ(first["type"], "");
  EXPECT_EQ(first["objects"], 200);
  EXPECT_EQ(first["bytes"], 20000);
  EXPECT_EQ(first["share"], 1);
  EXPECT_EQ(first["allocations"], 400);
  EXPECT_EQ(first["not_freed"], 300);
  EXPECT_EQ(first["not_freed_bytes"], 30000);
  EXPECT_EQ(first["known_to"], "function");
  EXPECT_EQ(first["frames"][0]["module"], "libkeeper.so");
  EXPECT_EQ(document["stacks"][1]["objects"], 0);
  EXPECT_EQ(document["malloc"]["windows"], 3);
  EXPECT_EQ(document["malloc"]["windows_with_survivors"], 2);
  EXPECT_EQ(document["malloc"]["survivors_refused"], "its budget was spent");
  EXPECT_EQ(document["malloc"]["drops"]["no_thread_state"], 4);
}

TEST(MallocReport, ASampleSaysOnHowMuchItStands) {
  MallocReport report = MakeReport();
  EXPECT_THAT(RenderMalloc(report, {}), Not(HasSubstr("samples")));
  report.sample_every = 16;
  report.rows[0].tally.samples = 12;
  EXPECT_THAT(RenderMalloc(report, {}), HasSubstr("[malloc, 12 samples]"));
  const json document = json::parse(MallocJson(report));
  EXPECT_EQ(document["malloc"]["sample_every"], 16);
  EXPECT_EQ(document["stacks"][0]["samples"], 12);
}

// Not 0: nothing is known.
TEST(MallocReport, WhereNoWindowCouldTellNothingIsSaidToSurvive) {
  MallocReport report = MakeReport();
  report.windows_told = 0;
  const json document = json::parse(MallocJson(report));
  for (const char* key : {"objects", "bytes", "share"}) {
    EXPECT_TRUE(document["stacks"][0][key].is_null()) << key;
  }
  EXPECT_THAT(RenderMalloc(report, {}), Not(HasSubstr("survived")));
}

TEST(MallocReport, NamesOfTheTargetAreHarmless) {
  MallocReport report = MakeReport();
  report.module = "libc\x1b[2J";
  report.rows[0].stack.frames[0].function = "f\x1b[2J";
  EXPECT_THAT(RenderMalloc(report, {}), Not(HasSubstr("\x1b[2J")));
}

}  // namespace
}  // namespace plimsoll::cli
