#include "cli/growth_report.h"

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
  look.anon_bytes = 50000000 + second * 10000;
  look.census.types = {
      {.type = "v.Car", .objects = 100 + leaked, .bytes = (100 + leaked) * 64},
      {.type = "str", .objects = 7, .bytes = 448}};
  look.census.size_classes = {
      {.block_bytes = 64, .pools = 1, .blocks_live = 107 + leaked}};
  look.census.arena_bytes = 1048576 + second * 8000;
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
  EXPECT_EQ(report.memory.anon_delta_bytes, 600000);
  EXPECT_EQ(report.memory.python_delta_bytes, 192000);
  EXPECT_EQ(report.memory.free_delta_bytes, 480000 - 192000);
  EXPECT_EQ(report.memory.native_delta_bytes, 600000 - 480000);
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
