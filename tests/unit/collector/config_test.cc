#include "collector/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace plimsoll::collector {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Environment From(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(Config, DefaultsNeedNothing) {
  auto config = ParseConfig("", From({}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->grpc_listen, "127.0.0.1:7071");
  EXPECT_EQ(config->external_url, "http://127.0.0.1:7070");
  EXPECT_EQ(config->retention_ns, int64_t{7} * 86'400 * 1'000'000'000);
}

TEST(Config, FileThenEnvironment) {
  auto config = ParseConfig(
      "retention: 2h\nalertmanagers: [http://a:1, http://b:2]\nstate_dir: x\n",
      From({{"PLIMSOLL_COLLECTOR_STATE_DIR", "y"},
            {"PLIMSOLL_COLLECTOR_WEBHOOKS", "http://c,http://d"}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->retention_ns, int64_t{7'200} * 1'000'000'000);
  EXPECT_THAT(config->alertmanagers, ElementsAre("http://a:1", "http://b:2"));
  EXPECT_THAT(config->webhooks, ElementsAre("http://c", "http://d"));
  EXPECT_EQ(config->state_dir, "y");
}

struct Mistake {
  const char* yaml;
  const char* said;
};

TEST(Config, MistakesAreNamed) {
  const Mistake mistakes[] = {
      {"http_lisen: 127.0.0.1:1\n", "did you mean \"http_listen\""},
      {"\nretension: 7d\n",
       "line 2: unknown key \"retension\"; did you mean "
       "\"retention\""},
      {"retention: soon\n", "not a duration"},
      {"retention: 0d\n", "not a duration"},
      {"retention: 99999999d\n", "not a duration"},
      {"http_listen: nowhere\n", "not an address"},
      {"http_listen: 127.0.0.1:99999\n", "not an address"},
      {"grpc_listen: 0.0.0.0:7071\n", "insecure_listen: true"},
      {"http_listen: 10.0.0.5:7070\n", "insecure_listen: true"},
      {"insecure_listen: perhaps\n", "neither true nor false"},
      {"max_store_bytes: -1\n", "not a number"},
      {"- a\n- b\n", "not a list of keys"},
      {"a: [\n", "config"},
  };
  for (const Mistake& mistake : mistakes) {
    auto config = ParseConfig(mistake.yaml, From({}));
    ASSERT_FALSE(config.ok()) << mistake.yaml;
    EXPECT_THAT(std::string(config.status().message()),
                HasSubstr(mistake.said));
  }
}

TEST(Config, AnotherAddressNeedsTheWord) {
  EXPECT_TRUE(ParseConfig("grpc_listen: 0.0.0.0:7071\ninsecure_listen: true\n",
                          From({}))
                  .ok());
}

}  // namespace
}  // namespace plimsoll::collector
