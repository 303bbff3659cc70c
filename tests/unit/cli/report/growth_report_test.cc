#include "cli/report/growth_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Look MakeLook(int64_t second, int64_t leaked) {
  Look look;
  look.boottime_ns = second * 1000000000;
  look.anon_bytes = 50000000 + second * 20000;
  look.census.types = {
      {.type = "v.Car", .objects = 100 + leaked, .bytes = (100 + leaked) * 64},
      {.type = "str", .objects = 7, .bytes = 448}};
  look.census.size_classes = {
      {.block_bytes = 64, .pools = 1, .blocks_live = 107 + leaked}};
  look.census.pools_free = 63 + second;
  look.python_bytes = PythonBytes(look.census);
  look.free_bytes = FreeBytes(look.census, 16384);
  return look;
}

std::vector<Look> SteadyLeak() {
  std::vector<Look> looks;
  for (int64_t second = 0; second <= 60; second += 5) {
    looks.push_back(MakeLook(second, second * 50));
  }
  return looks;
}

TEST(CompareLooks, FindsTheRateAndDividesTheMemory) {
  const GrowthReport report = CompareLooks(SteadyLeak());
  ASSERT_EQ(report.types.size(), 1u);  // str did not change
  const TypeGrowth& type = report.types[0];
  EXPECT_EQ(type.type, "v.Car");
  EXPECT_EQ(type.objects_delta, 3000);
  EXPECT_EQ(type.bytes_delta, 192000);
  EXPECT_NEAR(type.objects_per_s, 50, 1e-6);
  ASSERT_TRUE(type.objects_per_s_ci.has_value());
  EXPECT_LE(type.objects_per_s_ci->first, 50 + 1e-6);
  EXPECT_GE(type.objects_per_s_ci->second, 50 - 1e-6);
  EXPECT_EQ(report.memory.anon_delta_bytes, 1200000);
  EXPECT_EQ(report.memory.python_delta_bytes, 192000);
  EXPECT_EQ(report.memory.free_delta_bytes, 60 * 16384 - 192000);
  EXPECT_EQ(report.memory.native_delta_bytes, 1200000 - 60 * 16384);
}

TEST(CompareLooks, TwoLooksHaveARateAndNoInterval) {
  const GrowthReport report = CompareLooks({MakeLook(0, 0), MakeLook(10, 20)});
  ASSERT_EQ(report.types.size(), 1u);
  EXPECT_DOUBLE_EQ(report.types[0].objects_per_s, 2);
  EXPECT_FALSE(report.types[0].objects_per_s_ci.has_value());
  const json document = json::parse(GrowthJson(report));
  EXPECT_TRUE(document["types"][0]["objects_per_s_ci"].is_null());
}

TEST(CompareLooks, ATypeThatComesAndOneThatGoes) {
  Look first = MakeLook(0, 0);
  Look last = MakeLook(10, 0);
  first.census.types = {{.type = "old.T", .objects = 5, .bytes = 80}};
  last.census.types = {{.type = "new.T", .objects = 4, .bytes = 64}};
  const GrowthReport report = CompareLooks({first, last});
  ASSERT_EQ(report.types.size(), 2u);
  EXPECT_EQ(report.types[0].type, "new.T");
  EXPECT_EQ(report.types[0].objects_delta, 4);
  EXPECT_EQ(report.types[1].objects_delta, -5);
}

TEST(MemoryParts, ObjectsAndBuffersOfMallocArePythons) {
  core::HeapCensus census;
  census.size_classes = {
      {.block_bytes = 64, .pools = 2, .blocks_live = 100, .blocks_free = 400}};
  census.pools_free = 1;
  census.malloc = {.live_chunks = 10,
                   .live_bytes = 9000,
                   .free_bytes = 500,
                   .objects = 2,
                   .object_bytes = 3000,
                   .buffer_bytes = 4000};
  EXPECT_EQ(PythonBytes(census), 6400 + 3000 + 4000);
  EXPECT_EQ(FreeBytes(census, 4096), 3 * 4096 - 6400 + 500);
}

// The error of a difference is that of both samples.
TEST(CompareLooks, ASampledHeapHasIntervals) {
  Look first = MakeLook(0, 0), last = MakeLook(10, 2000);
  first.census.coverage.sampled = last.census.coverage.sampled = true;
  first.census.types[0].standard_error = 3;
  last.census.types[0].standard_error = 4;
  last.census.types[1] = {
      .type = "str", .objects = 4007, .bytes = 256448, .standard_error = 3000};
  const GrowthReport report = CompareLooks({first, last});
  EXPECT_TRUE(report.sampled);
  ASSERT_EQ(report.types.size(), 2u);
  const TypeGrowth& car = report.types[0];
  EXPECT_EQ(car.type, "v.Car")
      << "what is sure stands before what may be noise";
  ASSERT_TRUE(car.objects_delta_ci.has_value());
  EXPECT_NEAR(car.objects_delta_ci->first, 2000 - 1.96 * 5, 1e-6);
  EXPECT_NEAR(car.objects_delta_ci->second, 2000 + 1.96 * 5, 1e-6);
  ASSERT_TRUE(car.bytes_delta_ci.has_value());
  EXPECT_NEAR(car.bytes_delta_ci->second, 64 * (2000 + 1.96 * 5), 1e-3);
  ASSERT_TRUE(car.objects_per_s_ci.has_value());
  EXPECT_NEAR(car.objects_per_s_ci->first, 200 - 0.98, 1e-6);
  const json document = json::parse(GrowthJson(report));
  EXPECT_EQ(document["sampled"], true);
  EXPECT_EQ(document["types"][0]["objects_delta_ci"].size(), 2u);
  EXPECT_THAT(RenderGrowth(report, {}), HasSubstr("±"));
}

// A sample with two floats costs no more than the floats do by themselves, and
// is what to look at; what rises beside it is not its own.
TEST(CompareLooks, AClassCountsWithTheBuiltinsThatRiseInStep) {
  Look first = MakeLook(0, 0), last = MakeLook(10, 0);
  last.census.types = {
      {.type = "app.Sample", .objects = 1000, .bytes = 64000},
      {.type = "float", .objects = 2003, .bytes = 64096},
      {.type = "bytes", .objects = 30, .bytes = 96000},
      {.type = "collections.deque", .objects = 1000, .bytes = 90000}};
  first.census.types.clear();
  const GrowthReport report = CompareLooks({first, last});
  ASSERT_EQ(report.types.size(), 4u);
  EXPECT_EQ(report.types[0].type, "app.Sample");
  EXPECT_EQ(report.types[0].bytes_delta, 64000) << "its own bytes only";
  EXPECT_EQ(report.types[1].type, "bytes");
  EXPECT_EQ(report.types[2].type, "collections.deque");
  EXPECT_EQ(report.types[3].type, "float");
}

TEST(CompareLooks, ACoroutineCountsWithWhatALibraryMakesForIt) {
  Look first = MakeLook(0, 0), last = MakeLook(10, 0);
  last.census.types = {
      {.type = "collections.deque", .objects = 1000, .bytes = 760000},
      {.type = "coroutine", .objects = 2000, .bytes = 400000},
      {.type = "_asyncio.Task", .objects = 1001, .bytes = 220000}};
  first.census.types.clear();
  const GrowthReport report = CompareLooks({first, last});
  ASSERT_EQ(report.types.size(), 3u);
  EXPECT_EQ(report.types[0].type, "coroutine");
  EXPECT_EQ(report.types[1].type, "collections.deque");
}

TEST(CompareLooks, AWholeHeapHasNone) {
  const GrowthReport report = CompareLooks({MakeLook(0, 0), MakeLook(9, 5)});
  EXPECT_FALSE(report.sampled);
  EXPECT_FALSE(report.types[0].objects_delta_ci.has_value());
  EXPECT_FALSE(
      json::parse(GrowthJson(report))["types"][0].contains("objects_delta_ci"));
}

TEST(GrowthReport, OfTwoMomentsIsADiff) {
  GrowthReport report = CompareLooks({MakeLook(0, 0), MakeLook(90, 5)});
  report.moments = {{.name = "before", .unix_s = 1700000000},
                    {.unix_s = 1700000090}};
  json document = json::parse(GrowthJson(report));
  EXPECT_EQ(document["schema"], "plimsoll.diff/1");
  EXPECT_EQ(document["from"]["name"], "before");
  EXPECT_EQ(document["from"]["unix_s"], 1700000000);
  EXPECT_TRUE(document["to"]["name"].is_null());
  EXPECT_EQ(document["types"][0]["objects_delta"], 5);
  EXPECT_THAT(RenderGrowth(report, {}),
              HasSubstr("from before (2023-11-14 22:13:20 UTC) to now"));
  report.moments->second.name = "after";
  EXPECT_EQ(json::parse(GrowthJson(report))["to"]["name"], "after");
}

TEST(GrowthReport, JsonIsTheContract) {
  GrowthReport report = CompareLooks(SteadyLeak());
  report.subject = {.pid = 4711, .start_unix_s = 1.5, .python = "3.11.2"};
  const json document = json::parse(GrowthJson(report));
  EXPECT_EQ(document["schema"], "plimsoll.growth/1");
  EXPECT_EQ(document["pid"], 4711);
  const json& type = document["types"][0];
  for (const char* key :
       {"type", "objects_delta", "bytes_delta", "objects_per_s",
        "objects_per_s_ci", "bytes_per_s", "bytes_per_s_ci"}) {
    EXPECT_TRUE(type.contains(key)) << key;
  }
  EXPECT_EQ(type["bytes_per_s_ci"].size(), 2u);
  EXPECT_EQ(document["memory"]["python_delta_bytes"], 192000);
}

TEST(GrowthReport, TextRanksAndSaysWhenNothingChanged) {
  EXPECT_THAT(RenderGrowth(CompareLooks(SteadyLeak()), {}),
              HasSubstr("+3,000"));
  EXPECT_THAT(RenderGrowth(CompareLooks({MakeLook(0, 0), MakeLook(9, 0)}), {}),
              HasSubstr("no type changed"));
}

}  // namespace
}  // namespace plimsoll::cli
