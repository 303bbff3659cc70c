#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::cli {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<CommandLine> Parse(const std::vector<std::string>& arguments) {
  static const std::vector<Verb> verbs = {{.name = "types",
                                           .summary = "live objects",
                                           .help = "An example.",
                                           .flags = {Flag::kPid, Flag::kTop},
                                           .default_top = 25},
                                          {.name = "growth",
                                           .summary = "what grew",
                                           .help = "",
                                           .flags = {Flag::kPid, Flag::kFor},
                                           .default_for = "60s"},
                                          {.name = "drill",
                                           .summary = "a leak",
                                           .help = "",
                                           .flags = {Flag::kFor},
                                           .default_for = "8m",
                                           .for_means = "how long it leaks"},
                                          {.name = "workloads",
                                           .summary = "fleet",
                                           .help = "",
                                           .flags = {Flag::kCollector}}};
  return ParseCommandLine(verbs, arguments, "http://127.0.0.1:7070");
}

TEST(CommandLine, FillsOptionsAndDefaults) {
  auto parsed = Parse({"types", "4711", "--json"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->verb->name, "types");
  EXPECT_EQ(parsed->options.pid, 4711);
  EXPECT_TRUE(parsed->options.json);
  EXPECT_EQ(parsed->options.top, 25);
  parsed = Parse({"growth", "1", "--for", "2m"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->options.for_ns, 120000000000);
  EXPECT_EQ(Parse({"growth", "1"})->options.for_ns, 60000000000);
  EXPECT_EQ(Parse({"workloads"})->options.collector_url,
            "http://127.0.0.1:7070");
  EXPECT_EQ(
      Parse({"workloads", "--collector", "http://c:1"})->options.collector_url,
      "http://c:1");
}

TEST(CommandLine, NamesWhatIsWrong) {
  const struct {
    std::vector<std::string> arguments;
    const char* says;
  } cases[] = {
      {{"typos", "1"}, "did you mean \"types\""},
      {{"frobnicate"}, "lists the verbs"},
      {{}, "plimsoll ps"},
      {{}, "--help"},
      {{"types"}, "PID"},
      {{"types", "zero"}, "PID"},
      {{"types", "0"}, "PID"},
      {{"types", "-5"}, "--help"},
      {{"growth", "1", "--for", "60"}, "write it like 60s"},
      {{"types", "1", "--top", "-1"}, "--top"},
      {{"types", "1", "--colour"}, "--colour"},
  };
  for (const auto& c : cases) {
    auto parsed = Parse(c.arguments);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(c.says));
  }
}

TEST(CommandLine, HelpShowsTheVerbsWords) {
  auto parsed = Parse({"types", "--help"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->verb, nullptr);
  EXPECT_THAT(parsed->help, HasSubstr("An example."));
  EXPECT_THAT(parsed->help, HasSubstr("--top"));
  parsed = Parse({"--help"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(parsed->help, HasSubstr("workloads"));
  EXPECT_THAT(parsed->help, HasSubstr("as root"));
}

TEST(CommandLine, HelpIsUnderstoodAsAVerb) {
  EXPECT_EQ(Parse({"help"})->help, Parse({"--help"})->help);
  EXPECT_EQ(Parse({"help", "types"})->help, Parse({"types", "--help"})->help);
  EXPECT_THAT(std::string(Parse({"help", "typos"}).status().message()),
              HasSubstr("did you mean"));
}

// A drill's and a comparison's --for was "how long to measure".
TEST(CommandLine, HelpSaysWhatForMeansToTheVerb) {
  EXPECT_THAT(Parse({"growth", "--help"})->help,
              HasSubstr("how long to measure, such as 60s or 10m [60s]"));
  EXPECT_THAT(Parse({"drill", "--help"})->help,
              HasSubstr("how long it leaks, such as 60s or 10m [8m]"));
}

}  // namespace
}  // namespace plimsoll::cli
