#include "collector/http/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::collector::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSecond = 1'000'000'000;

// A service may call itself what it likes.
TEST(Html, HostileNamesAreShownAsTheyAre) {
  EXPECT_EQ(Escape("<script>alert('x')</script>&\""),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;");
  // Right-to-left override: would turn the rest of the line around.
  EXPECT_EQ(Escape("a\u202egnp.exe"), "a\\u202egnp.exe");
  EXPECT_EQ(Escape("\u2066a\u2069\u200f"), "\\u2066a\\u2069\\u200f");
  EXPECT_EQ(Escape(std::string_view("\x1b[31m\0", 6)), "\\u001b[31m\\u0000");
  EXPECT_EQ(Escape("two\nlines\tS\u00e3o \u20ac \u2028"),
            "two\nlines\tS\u00e3o \u20ac \u2028");
  EXPECT_EQ(Escape("\xe2\x80"), "\xe2\x80") << "cut short";
}

TEST(Html, OnlyLongWordsAreBroken) {
  Html html("t", 0);
  html.Cell("ap-southeast-1");
  EXPECT_THAT(html.Take(), HasSubstr("<td>ap-southeast-1</td>"));
  Html longer("t", 0);
  longer.Cell(std::string(41, 'x'));
  EXPECT_THAT(longer.Take(), HasSubstr("<td class=\"long\">xxx"));
}

TEST(Html, TimesSayTheirZone) {
  EXPECT_EQ(UtcTime(1'700'000'000 * kSecond), "2023-11-14 22:13:20 UTC");
  EXPECT_EQ(Ago(100 * kSecond, 10 * kSecond), "90 s ago");
  EXPECT_EQ(Ago(10 * kSecond, 100 * kSecond), "0 s ago");
}

TEST(Html, AnEmptyFactIsNoRow) {
  Html html("t", 0);
  html.Fact("Pod", "").Fact("Node", "n1");
  const std::string text = html.Take();
  EXPECT_THAT(text, Not(HasSubstr("Pod")));
  EXPECT_THAT(text, HasSubstr("<tr><th>Node</th><td>n1</td></tr>"));
}

}  // namespace
}  // namespace plimsoll::collector::http
