#include "cli/report/duration.h"

#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

TEST(ParseDuration, UnderstandsWhatPeopleWrite) {
  const struct {
    const char* text;
    int64_t ns;
  } cases[] = {
      {"0", 0},
      {"0s", 0},
      {"500ms", 500000000},
      {"60s", 60000000000},
      {"1.5s", 1500000000},
      {"10m", 600000000000},
      {"2h", 7200000000000},
      {"1d", 86400000000000},
      {"1m30s", 90000000000},
  };
  for (const auto& c : cases) {
    auto parsed = ParseDuration(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text << ": " << parsed.status();
    EXPECT_EQ(*parsed, c.ns) << c.text;
  }
}

TEST(ParseDuration, RefusesWhatCouldBeMisread) {
  for (const char* text : {"", "60", "s", "-5s", "5 s", "5x", "1..5s", "5sm",
                           "1e9s", "31d", "99999999999999999999h"}) {
    auto parsed = ParseDuration(text);
    EXPECT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(FormatDuration, IsShort) {
  EXPECT_EQ(FormatDuration(0), "0 s");
  EXPECT_EQ(FormatDuration(500000000), "0.5 s");
  EXPECT_EQ(FormatDuration(20000000), "20 ms");
  EXPECT_EQ(FormatDuration(1), "1 ms");
  EXPECT_EQ(FormatDuration(60000000000), "60 s");
  EXPECT_EQ(FormatDuration(330000000000), "5 m 30 s");
  EXPECT_EQ(FormatDuration(7200000000000), "2 h");
  EXPECT_EQ(FormatDuration(7200000000000 * 12 * 3), "3 d");
}

}  // namespace
}  // namespace plimsoll::cli
