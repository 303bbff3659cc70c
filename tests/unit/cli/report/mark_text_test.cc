#include "cli/report/mark_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Mark MakeMark() {
  Mark mark{.name = "before",
            .process = {.pid = 4711,
                        .start_ticks = 123456,
                        .boot_id = "5f0c1d2e-0000-4000-8000-000000000000"},
            .start_code = UINT64_MAX,
            .start_stack = 0x7ffc12345678,
            .python = "3.11.2",
            .workload = "orders",
            .start_unix_s = 1700000000.25,
            .taken_unix_s = 1700000100.5,
            .look = {}};
  mark.look.boottime_ns = int64_t{400} * 86400 * 1000000000;
  mark.look.anon_bytes = 50 << 20;
  mark.look.python_bytes = 40 << 20;
  mark.look.free_bytes = 1 << 20;
  mark.look.census.types = {
      {.type = "orders.Order", .objects = 1000, .bytes = 64000},
      {.type = "str", .objects = 7, .bytes = 448, .standard_error = 2.5}};
  mark.look.census.other_types = 3;
  mark.look.census.coverage.sampled = true;
  return mark;
}

TEST(MarkText, IsReadAsItWasWritten) {
  const Mark mark = MakeMark();
  const auto read = ParseMark(MarkText(mark));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->name, mark.name);
  EXPECT_EQ(read->process, mark.process);
  EXPECT_EQ(read->start_code, mark.start_code);
  EXPECT_EQ(read->start_stack, mark.start_stack);
  EXPECT_EQ(read->python, mark.python);
  EXPECT_EQ(read->workload, mark.workload);
  EXPECT_DOUBLE_EQ(read->start_unix_s, mark.start_unix_s);
  EXPECT_DOUBLE_EQ(read->taken_unix_s, mark.taken_unix_s);
  EXPECT_EQ(read->look.boottime_ns, mark.look.boottime_ns);
  EXPECT_EQ(read->look.anon_bytes, mark.look.anon_bytes);
  EXPECT_EQ(read->look.python_bytes, mark.look.python_bytes);
  EXPECT_EQ(read->look.free_bytes, mark.look.free_bytes);
  EXPECT_TRUE(read->look.census.coverage.sampled);
  EXPECT_EQ(read->look.census.other_types, 3);
  ASSERT_EQ(read->look.census.types.size(), 2u);
  EXPECT_EQ(read->look.census.types[0].type, "orders.Order");
  EXPECT_EQ(read->look.census.types[0].objects, 1000);
  EXPECT_EQ(read->look.census.types[1].bytes, 448);
  EXPECT_DOUBLE_EQ(read->look.census.types[1].standard_error, 2.5);
}

TEST(MarkText, ANameThatIsNotUtf8IsNoReasonToLoseTheMark) {
  Mark mark = MakeMark();
  mark.look.census.types[0].type =
      "a\xff"
      "b";
  const auto read = ParseMark(MarkText(mark));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->look.census.types[0].type,
            "a\xef\xbf\xbd"
            "b");
}

// One field at a time is taken away, or is of another kind.
TEST(MarkText, NamesTheFieldThatIsWrong) {
  const json good = json::parse(MarkText(MakeMark()));
  for (const auto& [key, value] : good.items()) {
    json without = good;
    without.erase(key);
    json other = good;
    other[key] = value.is_object() ? json("x") : json::object();
    for (const json& damaged : {without, other}) {
      const auto read = ParseMark(damaged.dump());
      EXPECT_TRUE(absl::IsDataLoss(read.status())) << key;
      EXPECT_THAT(read.status().message(), HasSubstr("\"" + key + "\""));
    }
  }
}

TEST(MarkText, RefusesWhatNoMarkHolds) {
  const json good = json::parse(MarkText(MakeMark()));
  const struct {
    const char* pointer;
    json value;
  } cases[] = {
      {"/schema", "plimsoll.mark-file/2"},
      {"/name", "../../etc/passwd"},
      {"/name", std::string(65, 'a')},
      {"/pid", -1},
      {"/pid", 4294967296},
      {"/anon_bytes", -1},
      {"/anon_bytes", uint64_t{1} << 61},
      {"/taken_unix_s", 1e300},
      {"/workload", std::string(1025, 'w')},
      {"/types/0/0", 5},
      {"/types/0/0", std::string(1025, 't')},
      {"/types/0/1", -1},
      {"/types/0/2", 1.5},
      {"/types/0/3", -1.0},
      {"/types/0/3", nullptr},
      {"/types/0", json::array({"x", 1, 2})},
      {"/types/0", json::array()},
  };
  for (const auto& [pointer, value] : cases) {
    json damaged = good;
    damaged[json::json_pointer(pointer)] = value;
    EXPECT_TRUE(absl::IsDataLoss(ParseMark(damaged.dump()).status()))
        << pointer << " " << value;
  }
  for (const char* text : {"", "{", "[]", "null", "{}", "1e999"}) {
    EXPECT_TRUE(absl::IsDataLoss(ParseMark(text).status())) << text;
  }
}

TEST(MarkText, BoundsWhatItKeeps) {
  const std::string deep(1 << 20, '[');
  EXPECT_TRUE(absl::IsDataLoss(ParseMark(deep).status()));
  EXPECT_TRUE(
      absl::IsDataLoss(ParseMark(deep + std::string(1 << 20, ']')).status()));
  EXPECT_TRUE(absl::IsDataLoss(
      ParseMark(std::string(kMaxMarkBytes + 1, ' ')).status()));
  Mark mark = MakeMark();
  mark.look.census.types.resize(kMaxMarkedTypes);
  const auto read = ParseMark(MarkText(mark));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->look.census.types.size(), kMaxMarkedTypes);
  mark.look.census.types.emplace_back();
  EXPECT_TRUE(absl::IsDataLoss(ParseMark(MarkText(mark)).status()));
}

TEST(MarkName, IsAFileNameByItself) {
  EXPECT_TRUE(IsMarkName("before"));
  EXPECT_TRUE(IsMarkName("2018-09-01_a.b"));
  EXPECT_TRUE(IsMarkName(std::string(64, 'a')));
  for (const char* name :
       {"", ".", "..", ".hidden", "-x", "a/b", "a b", "a\n", "\xc3\xa4"}) {
    EXPECT_FALSE(IsMarkName(name)) << name;
  }
  EXPECT_FALSE(IsMarkName(std::string(65, 'a')));
  EXPECT_FALSE(IsMarkName(std::string_view("a\0b", 3)));
}

TEST(MarkFileName, SaysWhoseMarkItIs) {
  const Mark mark = MakeMark();
  const std::string name = MarkFileName(mark.process, "a-b.mark");
  EXPECT_EQ(name, "4711-123456-5f0c1d2e-a-b.mark.mark");
  const auto file = ParseMarkFileName(name);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->process.pid, 4711);
  EXPECT_EQ(file->process.start_ticks, 123456u);
  EXPECT_EQ(file->process.boot_id, "5f0c1d2e");
  EXPECT_EQ(file->name, "a-b.mark");
  for (const char* other :
       {"", ".mark", "4711-1-5f0c1d2e-x", "x-1-5f0c1d2e-x.mark",
        "-4711-1-5f0c1d2e-x.mark", "4711--1-5f0c1d2e-x.mark",
        "4711-1-5f0c1d2-x.mark", "4711-1-5f0c1d2e-.mark",
        "4711-1-5f0c1d2e-.x.mark", "04711-1-5f0c1d2e-x.mark",
        "4711-99999999999999999999-5f0c1d2e-x.mark",
        "4711-1-../../x/-x.mark"}) {
    EXPECT_FALSE(ParseMarkFileName(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace plimsoll::cli
