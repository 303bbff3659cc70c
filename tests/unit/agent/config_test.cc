#include "agent/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace plimsoll::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Environment From(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    auto it = variables.find(name);
    if (it == variables.end()) return std::nullopt;
    return it->second;
  };
}

absl::StatusOr<Config> Parse(const std::string& yaml,
                             std::map<std::string, std::string> env = {}) {
  return ParseConfig(yaml, "agent.yaml", From(std::move(env)));
}

TEST(ConfigTest, DefaultsNeedNoFile) {
  auto config = Parse("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->collector, "127.0.0.1:7071");
  EXPECT_EQ(config->memory_period_ns, 10'000'000'000);
  EXPECT_EQ(config->request_labels.size(), 5u);
}

TEST(ConfigTest, FileThenEnvironment) {
  auto config = Parse(
      "collector: \"\"\nmemory_period: 500ms\ncpu_budget: 0.1\n"
      "drain_timeout: 50s\n"
      "spool_max_bytes: 64MiB\nrequest_labels: [city, tier]\nregion: a\n"
      "request_gauges: [vehicles]\n",
      {{"PLIMSOLL_AGENT_REGION", "b"},
       {"PLIMSOLL_AGENT_REQUEST_METRICS", "x_total,y_total"}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->collector, "");
  EXPECT_EQ(config->memory_period_ns, 500'000'000);
  EXPECT_DOUBLE_EQ(config->cpu_budget, 0.1);
  EXPECT_EQ(config->drain_timeout_ns, 50'000'000'000);
  EXPECT_EQ(config->spool_max_bytes, 64 << 20);
  EXPECT_THAT(config->request_labels, ElementsAre("city", "tier"));
  EXPECT_EQ(config->region, "b");
  EXPECT_THAT(config->request_metrics, ElementsAre("x_total", "y_total"));
  EXPECT_THAT(config->request_gauges, ElementsAre("vehicles"));
}

TEST(ConfigTest, WhereRequestCountersMayBeAskedFor) {
  auto config = Parse("");
  EXPECT_TRUE(config->scrape_pods);
  EXPECT_TRUE(config->request_rules.empty());
  config = Parse(
      "scrape_pods: false\nrequest_rules:\n"
      "  - unit=orders.service -> metrics=8000/metrics\n"
      "  - command=uwsgi* -> uwsgi=127.0.0.1:1717\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->scrape_pods);
  ASSERT_EQ(config->request_rules.size(), 2u);
  EXPECT_EQ(config->request_rules[0].metrics->port, 8000);
  EXPECT_EQ(config->request_rules[1].uwsgi, "127.0.0.1:1717");
  config = Parse("request_rules: [unit=a -> metrics=x]\n");
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("agent.yaml: request_rules: no port of metrics"));
}

TEST(ConfigTest, UnknownKeyNamesTheNearest) {
  auto config = Parse("memory_perod: 10s\n");
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(
      std::string(config.status().message()),
      HasSubstr("agent.yaml: unknown key \"memory_perod\"; did you mean "
                "\"memory_period\"?"));
}

TEST(ConfigTest, ErrorsNameTheKeyAndTheValue) {
  struct Case {
    const char* yaml;
    const char* message;
  };
  for (const Case& c :
       {Case{"memory_period: 10\n", "memory_period: \"10\" is not like 10s"},
        Case{"memory_period: 1ms\n", "below the least"},
        Case{"cpu_budget: 2\n", "cpu_budget: \"2\" is not a share"},
        Case{"cpu_budget: nan\n", "cpu_budget"},
        Case{"spool_max_bytes: 1k\n", "spool_max_bytes: \"1k\""},
        Case{"spool_max_bytes: 10\n", "least, 1MiB"},
        Case{"collector: nowhere\n", "collector: \"nowhere\" is not HOST:PORT"},
        Case{"listen: \"h:99999\"\n", "listen"},
        Case{"request_labels: city\n", "request_labels: must be a list"},
        Case{"region: [a]\n", "region: must be a single value"},
        Case{"state_dir: \"\"\n", "state_dir: must not be empty"},
        Case{"- a\n", "not a list of KEY: VALUE"},
        Case{"a: [\n", "agent.yaml: "}}) {
    auto config = Parse(c.yaml);
    ASSERT_FALSE(config.ok()) << c.yaml;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(c.message));
  }
  auto config = Parse("", {{"PLIMSOLL_AGENT_CPU_BUDGET", "x"}});
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("PLIMSOLL_AGENT_CPU_BUDGET"));
}

TEST(ConfigTest, TheApiServerAsAPodFindsIt) {
  const std::map<std::string, std::string> pod = {
      {"PLIMSOLL_AGENT_KUBERNETES", "in-cluster"},
      {"PLIMSOLL_AGENT_NODE", "node1"},
      {"KUBERNETES_SERVICE_HOST", "fd00::1"},
      {"KUBERNETES_SERVICE_PORT", "6443"}};
  auto config = Parse("", pod);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node, "node1");
  EXPECT_EQ(config->kubernetes, "https://[fd00::1]:6443");
  EXPECT_EQ(config->kubernetes_token_file,
            "/var/run/secrets/kubernetes.io/serviceaccount/token");
  EXPECT_EQ(config->kubernetes_ca_file,
            "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  config = Parse("kubernetes: https://10.0.0.1:443\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->kubernetes, "https://10.0.0.1:443");
  EXPECT_EQ(config->kubernetes_token_file, "");
  config = Parse("kubernetes: in-cluster\n");
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("this is no pod"));
  config = Parse("kubernetes: yes\n");
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("neither in-cluster nor a URL"));
}

TEST(ConfigTest, WhatIsShownToTheCollectorGoesToItAlone) {
  EXPECT_TRUE(Parse("collector: c:7071\ncollector_ca_file: ca\n"
                    "collector_token_file: t\n")
                  .ok());
  EXPECT_TRUE(Parse("collector_token_file: t\n").ok()) << "loopback";
  EXPECT_TRUE(Parse("collector: c:7071\ncollector_token_file: t\n"
                    "insecure_collector: true\n")
                  .ok());
  const std::pair<const char*, const char*> mistakes[] = {
      {"collector: c:7071\ncollector_token_file: t\n", "unencrypted"},
      {"collector_ca_file: ca\ncollector_cert_file: c\n", "go together"},
      {"collector_cert_file: c\ncollector_key_file: k\n",
       "set collector_ca_file"},
      {"insecure_collector: maybe\n", "neither true nor false"},
  };
  for (const auto& [yaml, said] : mistakes) {
    auto config = Parse(yaml);
    ASSERT_FALSE(config.ok()) << yaml;
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(said));
  }
}

TEST(ConfigTest, DurationsAndSizes) {
  EXPECT_EQ(*ParseDuration("1.5s"), 1'500'000'000);
  EXPECT_EQ(*ParseDuration("7d"), 604'800'000'000'000);
  EXPECT_EQ(*ParseSize("1048576"), 1 << 20);
  EXPECT_EQ(*ParseSize("2GB"), 2'000'000'000);
  for (const char* bad : {"", "s", "-1s", "1 s", "1y", "1e300d", "infs"}) {
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  }
  EXPECT_FALSE(ParseSize("1e30").ok());
}

}  // namespace
}  // namespace plimsoll::agent
