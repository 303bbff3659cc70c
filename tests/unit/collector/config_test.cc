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

TEST(Config, SecretsAreNamedByTheirFiles) {
  auto config = ParseConfig(
      "pagerduty_key_files: [/a, /b]\nexternal_url: http://c/\n",
      From({{"PLIMSOLL_COLLECTOR_SLACK_URL_FILES", "/c"},
            {"PLIMSOLL_COLLECTOR_RUNBOOK_URL", "http://w/{workload}"}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->pagerduty_key_files, ElementsAre("/a", "/b"));
  EXPECT_THAT(config->slack_url_files, ElementsAre("/c"));
  EXPECT_EQ(config->runbook_url, "http://w/{workload}");
  EXPECT_EQ(config->external_url, "http://c");
  EXPECT_EQ(ParseConfig("", From({}))->runbook_url,
            "http://127.0.0.1:7070/runbook");
}

TEST(Config, GaugesOfPodsMayComeWithoutTheirRequests) {
  auto config = ParseConfig(
      "requests_prometheus: http://p:9090\n"
      "requests_gauges_query: vehicles\notlp_gauges: [vehicles, queued]\n",
      From({}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->requests_gauges_query, "vehicles");
  EXPECT_EQ(config->requests_query, "");
  EXPECT_THAT(config->otlp_gauges, ElementsAre("vehicles", "queued"));
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
      {"requests_prometheus: http://p:9090\n", "requests_gauges_query go"},
      {"requests_gauges_query: vehicles\n", "requests_gauges_query go"},
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

TEST(Config, AnotherAddressNeedsProofs) {
  const std::string tls = "tls_cert_file: c\ntls_key_file: k\n";
  const std::string listen = "grpc_listen: 0.0.0.0:7071\n";
  EXPECT_TRUE(ParseConfig(listen + tls + "agent_ca_file: ca\n", From({})).ok());
  EXPECT_TRUE(ParseConfig(listen + tls +
                              "agent_accounts: [plimsoll/plimsoll-agent]\n"
                              "kubernetes: https://10.0.0.1:443\n",
                          From({}))
                  .ok());
  EXPECT_TRUE(
      ParseConfig("http_listen: 0.0.0.0:7070\nhttp_token_file: t\n", From({}))
          .ok());
  const Mistake mistakes[] = {
      {"grpc_listen: 0.0.0.0:7071\ntls_cert_file: c\ntls_key_file: k\n",
       "not asked who they are"},
      {"http_listen: 0.0.0.0:7070\n", "http_token_file"},
      {"tls_cert_file: c\n", "go together"},
      {"agent_ca_file: ca\n", "over TLS only"},
      {"agent_accounts: [a/b]\n", "set kubernetes"},
      {"agent_accounts: [agent]\nkubernetes: http://k\n", "is not like"},
      {"agent_accounts: [a/b/c]\nkubernetes: http://k\n", "is not like"},
      {"kubernetes: in-cluster\n", "KUBERNETES_SERVICE_HOST"},
      {"kubernetes: 10.0.0.1:443\n", "neither in-cluster nor a URL"},
      {"token_audience: \"\"\n", "token_audience is empty"},
  };
  for (const Mistake& mistake : mistakes) {
    auto config = ParseConfig(mistake.yaml, From({}));
    ASSERT_FALSE(config.ok()) << mistake.yaml;
    EXPECT_THAT(std::string(config.status().message()),
                HasSubstr(mistake.said));
  }
}

TEST(Config, APodFindsTheApi) {
  auto config = ParseConfig(
      "", From({{"PLIMSOLL_COLLECTOR_KUBERNETES", "in-cluster"},
                {"PLIMSOLL_COLLECTOR_AGENT_ACCOUNTS", "p/agent,q/agent"},
                {"KUBERNETES_SERVICE_HOST", "fd00::1"},
                {"KUBERNETES_SERVICE_PORT", "6443"}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->kubernetes, "https://[fd00::1]:6443");
  EXPECT_EQ(config->kubernetes_token_file,
            "/var/run/secrets/kubernetes.io/serviceaccount/token");
  EXPECT_THAT(config->agent_accounts, ElementsAre("p/agent", "q/agent"));
  EXPECT_TRUE(config->authenticates());
}

TEST(Config, AnotherAddressNeedsTheWord) {
  EXPECT_TRUE(ParseConfig("grpc_listen: 0.0.0.0:7071\ninsecure_listen: true\n",
                          From({}))
                  .ok());
}

}  // namespace
}  // namespace plimsoll::collector
