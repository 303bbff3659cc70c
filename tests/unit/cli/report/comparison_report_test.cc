#include "cli/report/comparison_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kComparison[] = R"({"workload": "a/b/c/routing-api",
  "words": "ap grows 3.1x (2.8x to 3.4x) eu in all\u001b[2J",
  "attributes": "city=singapore",
  "a": {"what": "ap", "from_unix_s": 1795917600, "to_unix_s": 1795921200,
        "processes": 2, "processes_with_slope": 2, "anon_bytes": 104857600,
        "bytes_per_s": {"value": 17476.3, "lo": 15728.6, "hi": 19223.9},
        "requests_per_s": 0.1,
        "bytes_per_request": {"value": 1048576, "lo": null, "hi": null}},
  "b": {"what": "eu", "processes": 1, "processes_with_slope": 0,
        "bytes_per_s": null, "requests_per_s": 12.5},
  "types": [{"type": "routing.Vehicle", "a_bytes_per_h": 1048576,
             "b_bytes_per_h": -2048}]})";

TEST(ComparisonReport, SidesStandBesideEachOther) {
  const auto text = RenderComparison(kComparison, {});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("ap grows 3.1x (2.8x to 3.4x) eu in all"));
  EXPECT_THAT(*text, HasSubstr("A: ap"));
  EXPECT_THAT(*text, HasSubstr("1.00 MiB (922 KiB to 1.10 MiB)"));
  EXPECT_THAT(*text, HasSubstr("2026-11-29 02:00 to 03:00 UTC"));
  EXPECT_THAT(*text, HasSubstr("2 of 2"));
  EXPECT_THAT(*text, HasSubstr("750"));  // requests a minute of B
  EXPECT_THAT(*text, HasSubstr("routing.Vehicle"));
  EXPECT_THAT(*text, HasSubstr("-2.00 KiB"));
  EXPECT_THAT(*text, HasSubstr("city=singapore"));
  EXPECT_THAT(*text, Not(HasSubstr("\x1b")));
}

TEST(ComparisonReport, ForeignAnswersDoNoHarm) {
  for (const char* body : {"", "[]", "<html>"}) {
    EXPECT_FALSE(RenderComparison(body, {}).ok()) << body;
  }
  for (const char* body :
       {"{}", R"({"a": 7, "b": [], "types": {}, "words": 1})",
        R"({"a": {"bytes_per_s": {"value": 1e300}, "processes": 1e300,
            "from_unix_s": 1e17, "to_unix_s": -1e17}, "types": [7, {}]})"}) {
    EXPECT_TRUE(RenderComparison(body, {.width = 10}).ok()) << body;
  }
}

}  // namespace
}  // namespace plimsoll::cli
