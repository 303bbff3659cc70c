// The chart as Helm renders it: with the values of helm/plimsoll/ci, what the
// pods are allowed, and what is refused. Needs helm (tools/chart-tools builds
// it); PLIMSOLL_REQUIRE_HELM=1 makes a missing one a failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/run_command.h"
#include "tests/support/temp_dir.h"

namespace plimsoll {
namespace {

using testing::CommandResult;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunCommand;
using ::testing::UnorderedElementsAre;

std::string SourceDir() {
  const char* dir = std::getenv("PLIMSOLL_SOURCE_DIR");
  return dir == nullptr ? "." : dir;
}

// The first of: $PLIMSOLL_HELM, what tools/chart-tools built, one of the path.
std::string FindHelm() {
  if (const char* named = std::getenv("PLIMSOLL_HELM")) return named;
  std::vector<std::string> places = {SourceDir() + "/var/tools/bin/helm"};
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    places.push_back(rest.substr(0, colon) + "/helm");
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  for (const std::string& place : places) {
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  return "";
}

class ChartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    helm_ = FindHelm();
    if (!helm_.empty()) return;
    const char* required = std::getenv("PLIMSOLL_REQUIRE_HELM");
    if (required != nullptr && std::string(required) == "1") {
      FAIL() << "no helm: run tools/chart-tools";
    }
    GTEST_SKIP() << "no helm here: tools/chart-tools builds it (needs Go)";
  }
  CommandResult Helm(const std::string& verb, std::vector<std::string> more) {
    std::vector<std::string> words = {helm_, verb};
    if (verb == "template") {
      words.insert(words.end(), {"drift", "--namespace", "observe"});
      words.insert(words.end(), {"--kube-version", "1.31.0"});
    }
    words.push_back(SourceDir() + "/helm/plimsoll");
    words.insert(words.end(), more.begin(), more.end());
    return RunCommand(words);
  }
  static std::string Ci(const std::string& name) {
    return SourceDir() + "/helm/plimsoll/ci/" + name + "-values.yaml";
  }
  // The objects of a rendering, by "Kind/name".
  std::map<std::string, YAML::Node> Render(std::vector<std::string> more) {
    const CommandResult result = Helm("template", std::move(more));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::map<std::string, YAML::Node> objects;
    for (const YAML::Node& object : YAML::LoadAll(result.out)) {
      if (!object.IsMap()) continue;
      const auto name = object["metadata"]["name"].as<std::string>();
      const std::string key = object["kind"].as<std::string>() + "/" + name;
      EXPECT_TRUE(objects.emplace(key, object).second) << key << " twice";
    }
    return objects;
  }
  static std::map<std::string, std::string> Environment(
      const YAML::Node& container) {
    std::map<std::string, std::string> variables;
    for (const YAML::Node& variable : container["env"]) {
      const auto name = variable["name"].as<std::string>();
      EXPECT_EQ(variables.count(name), 0u) << name << " twice";
      variables[name] = variable["value"] ? variable["value"].as<std::string>()
                                          : "(from a field)";
    }
    return variables;
  }

  // "agent node" for PLIMSOLL_AGENT_NODE, of all containers of an object.
  static std::vector<std::string> SettingsOf(const YAML::Node& object) {
    std::vector<std::string> settings;
    const YAML::Node spec = object["spec"];
    if (!spec || !spec.IsMap() || !spec["template"]) return settings;
    for (const YAML::Node& container : spec["template"]["spec"]["containers"]) {
      const auto program = container["name"].as<std::string>();
      for (const auto& [variable, value] : Environment(container)) {
        const std::string prefix =
            program == "agent" ? "PLIMSOLL_AGENT_" : "PLIMSOLL_COLLECTOR_";
        if (!variable.starts_with(prefix)) continue;
        std::string setting = program + " ";
        for (const char c : variable.substr(prefix.size())) {
          setting.push_back(
              static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
        }
        settings.push_back(std::move(setting));
      }
    }
    return settings;
  }

  std::string helm_;
};

TEST_F(ChartTest, LintsWithEachExample) {
  for (const char* name : {"one-cluster", "regional", "openshift"}) {
    const CommandResult result = Helm("lint", {"--strict", "-f", Ci(name)});
    EXPECT_EQ(result.exit_code, 0) << name << ": " << result.out << result.err;
  }
}

TEST_F(ChartTest, TheAgentHasFiveCapabilitiesAndNoMore) {
  auto objects = Render({"-f", Ci("one-cluster")});
  const YAML::Node pod =
      objects["DaemonSet/drift-plimsoll-agent"]["spec"]["template"]["spec"];
  ASSERT_TRUE(pod) << "no DaemonSet";
  EXPECT_TRUE(pod["hostPID"].as<bool>());
  EXPECT_FALSE(pod["hostNetwork"]);
  ASSERT_EQ(pod["containers"].size(), 1u);
  const YAML::Node security = pod["containers"][0]["securityContext"];
  EXPECT_FALSE(security["privileged"].as<bool>());
  EXPECT_FALSE(security["allowPrivilegeEscalation"].as<bool>());
  EXPECT_TRUE(security["readOnlyRootFilesystem"].as<bool>());
  EXPECT_THAT(security["capabilities"]["drop"].as<std::vector<std::string>>(),
              UnorderedElementsAre("ALL"));
  EXPECT_THAT(security["capabilities"]["add"].as<std::vector<std::string>>(),
              UnorderedElementsAre("BPF", "PERFMON", "SYS_PTRACE",
                                   "DAC_READ_SEARCH", "CHECKPOINT_RESTORE"));
  std::vector<std::string> host_paths;
  for (const YAML::Node& volume : pod["volumes"]) {
    if (volume["hostPath"]) {
      host_paths.push_back(volume["hostPath"]["path"].as<std::string>());
    }
  }
  EXPECT_THAT(host_paths, UnorderedElementsAre("/sys/fs/cgroup"));
  for (const YAML::Node& mount : pod["containers"][0]["volumeMounts"]) {
    if (mount["name"].as<std::string>() == "cgroup") {
      EXPECT_TRUE(mount["readOnly"].as<bool>());
    }
  }
}

TEST_F(ChartTest, TheAgentMayListAndWatchPodsAndGetNodes) {
  auto objects = Render({"-f", Ci("one-cluster")});
  std::set<std::string> rights;
  for (const YAML::Node& rule :
       objects["ClusterRole/observe-drift-plimsoll-agent"]["rules"]) {
    for (const YAML::Node& resource : rule["resources"]) {
      for (const YAML::Node& verb : rule["verbs"]) {
        rights.insert(verb.as<std::string>() + " " +
                      resource.as<std::string>());
      }
    }
  }
  EXPECT_THAT(rights,
              UnorderedElementsAre("list pods", "watch pods", "get nodes"));
}

TEST_F(ChartTest, TheAgentIsToldItsNodeClusterAndCollector) {
  auto objects = Render({"-f", Ci("regional")});
  EXPECT_EQ(objects.count("StatefulSet/drift-plimsoll-collector"), 0u);
  const YAML::Node agent = objects["DaemonSet/drift-plimsoll-agent"]["spec"]
                                  ["template"]["spec"]["containers"][0];
  auto variables = Environment(agent);
  EXPECT_EQ(variables["PLIMSOLL_AGENT_NODE"], "(from a field)");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_KUBERNETES"], "in-cluster");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_COLLECTOR"],
            "plimsoll-collector.example.com:7071");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_REGION"], "eu-west-3");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_CLUSTER"], "production-eu");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_MEMORY_PERIOD"], "15s");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_REQUEST_LABELS"], "city,outcome");
}

TEST_F(ChartTest, TheCollectorIsRestrictedAndPages) {
  auto objects = Render({"-f", Ci("one-cluster")});
  const YAML::Node pod = objects["StatefulSet/drift-plimsoll-collector"]["spec"]
                                ["template"]["spec"];
  ASSERT_TRUE(pod) << "no StatefulSet";
  EXPECT_TRUE(pod["securityContext"]["runAsNonRoot"].as<bool>());
  EXPECT_FALSE(pod["automountServiceAccountToken"].as<bool>());
  const YAML::Node collector = pod["containers"][0];
  EXPECT_FALSE(collector["securityContext"]["capabilities"]["add"]);
  auto variables = Environment(collector);
  EXPECT_EQ(variables["PLIMSOLL_COLLECTOR_ALERTMANAGERS"],
            "http://alertmanager-0.alertmanager.monitoring.svc:9093,"
            "http://alertmanager-1.alertmanager.monitoring.svc:9093");
  EXPECT_EQ(objects.count("NetworkPolicy/drift-plimsoll-collector"), 1u);
  EXPECT_EQ(objects.count("PrometheusRule/drift-plimsoll"), 1u);
  EXPECT_EQ(objects.count("PodMonitor/drift-plimsoll-agent"), 1u);
}

// Every variable that the chart sets is a key that the program knows: such a
// key with a map as its value is refused, but not as unknown.
TEST_F(ChartTest, TheProgramsKnowEveryVariable) {
  const testing::TempDir dir;
  const std::string file = (dir.path() / "config.yaml").string();
  std::set<std::string> settings;  // "agent node"
  for (const char* name : {"one-cluster", "regional", "openshift"}) {
    for (const auto& [key, object] : Render({"-f", Ci(name)})) {
      for (const std::string& setting : SettingsOf(object)) {
        settings.insert(setting);
      }
    }
  }
  for (const char* agents : {"token", "certificate"}) {
    const std::string prove = std::string("authentication.agents=") + agents;
    for (const auto& [key, object] :
         Render({"--set", prove, "--set", "authentication.collectorSecret=a",
                 "--set", "authentication.agentSecret=b", "--set",
                 "authentication.httpTokenSecret=c"})) {
      for (const std::string& setting : SettingsOf(object)) {
        settings.insert(setting);
      }
    }
  }
  EXPECT_THAT(settings, Contains("agent node"));
  EXPECT_THAT(settings, Contains("collector insecure_listen"));
  for (const std::string& setting : settings) {
    const size_t blank = setting.find(' ');
    std::ofstream(file) << setting.substr(blank + 1) << ": {no: value}\n";
    const CommandResult result =
        RunCommand({testing::BinDir() + "/plimsoll-" + setting.substr(0, blank),
                    "--config", file});
    EXPECT_EQ(result.exit_code, 2) << setting << ": " << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("unknown key"))) << setting;
  }
}

TEST_F(ChartTest, WhatCannotWorkIsRefusedWithTheRemedy) {
  CommandResult result = Helm("template", {});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("collector.insecureListen=true"));
  result = Helm("template", {"--set", "collector.enabled=false"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("agent.collectorAddress is needed"));
  result = Helm("template", {"--set", "collector.insecureListen=true", "--set",
                             "agent.colector=x"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("colector"));
}

TEST_F(ChartTest, AgentsProveThemselvesByTheirPodsToken) {
  auto objects = Render({"--set", "authentication.agents=token", "--set",
                         "authentication.collectorSecret=tls", "--set",
                         "authentication.httpTokenSecret=http"});
  const YAML::Node collector = objects["StatefulSet/drift-plimsoll-collector"]
                                      ["spec"]["template"]["spec"];
  ASSERT_TRUE(collector) << "no StatefulSet";
  EXPECT_TRUE(collector["automountServiceAccountToken"].as<bool>());
  auto variables = Environment(collector["containers"][0]);
  EXPECT_EQ(variables["PLIMSOLL_COLLECTOR_INSECURE_LISTEN"], "false");
  EXPECT_EQ(variables["PLIMSOLL_COLLECTOR_AGENT_ACCOUNTS"],
            "observe/drift-plimsoll-agent");
  EXPECT_EQ(variables.count("PLIMSOLL_COLLECTOR_AGENT_CA_FILE"), 0u);
  EXPECT_EQ(variables["PLIMSOLL_COLLECTOR_HTTP_TOKEN_FILE"],
            "/etc/plimsoll/http/token");
  const YAML::Node rule =
      objects["ClusterRole/observe-drift-plimsoll-collector"]["rules"][0];
  EXPECT_EQ(rule["resources"][0].as<std::string>(), "tokenreviews");
  EXPECT_THAT(rule["verbs"].as<std::vector<std::string>>(),
              UnorderedElementsAre("create"));
  const YAML::Node agent =
      objects["DaemonSet/drift-plimsoll-agent"]["spec"]["template"]["spec"];
  variables = Environment(agent["containers"][0]);
  EXPECT_EQ(variables["PLIMSOLL_AGENT_COLLECTOR_TOKEN_FILE"],
            "/etc/plimsoll/token/token");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_COLLECTOR_CA_FILE"],
            "/etc/plimsoll/collector/ca.crt");
  for (const YAML::Node& volume : agent["volumes"]) {
    const auto name = volume["name"].as<std::string>();
    if (name == "token") {
      EXPECT_EQ(
          volume["projected"]["sources"][0]["serviceAccountToken"]["audience"]
              .as<std::string>(),
          "plimsoll-collector");
    } else if (name == "collector-ca") {
      ASSERT_EQ(volume["secret"]["items"].size(), 1u) << "never its key";
      EXPECT_EQ(volume["secret"]["items"][0]["key"].as<std::string>(),
                "ca.crt");
    }
  }
}

TEST_F(ChartTest, AgentsProveThemselvesByCertificates) {
  auto objects = Render({"--set", "authentication.agents=certificate", "--set",
                         "authentication.collectorSecret=tls", "--set",
                         "authentication.agentSecret=agents", "--set",
                         "authentication.httpTokenSecret=http", "--set",
                         "authentication.serverName=plimsoll.example.com"});
  EXPECT_EQ(objects.count("ClusterRole/observe-drift-plimsoll-collector"), 0u);
  auto variables =
      Environment(objects["StatefulSet/drift-plimsoll-collector"]["spec"]
                         ["template"]["spec"]["containers"][0]);
  EXPECT_EQ(variables["PLIMSOLL_COLLECTOR_AGENT_CA_FILE"],
            "/etc/plimsoll/tls/ca.crt");
  variables = Environment(objects["DaemonSet/drift-plimsoll-agent"]["spec"]
                                 ["template"]["spec"]["containers"][0]);
  EXPECT_EQ(variables["PLIMSOLL_AGENT_COLLECTOR_KEY_FILE"],
            "/etc/plimsoll/agent/tls.key");
  EXPECT_EQ(variables["PLIMSOLL_AGENT_COLLECTOR_SERVER_NAME"],
            "plimsoll.example.com");
  const CommandResult result =
      Helm("template", {"--set", "authentication.agents=certificate", "--set",
                        "collector.insecureListen=true"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("authentication.agentSecret"));
}

TEST_F(ChartTest, OpenShiftGetsItsConstraints) {
  auto objects = Render({"-f", Ci("openshift")});
  const YAML::Node constraints =
      objects["SecurityContextConstraints/observe-drift-plimsoll-agent"];
  ASSERT_TRUE(constraints);
  EXPECT_FALSE(constraints["allowPrivilegedContainer"].as<bool>());
  EXPECT_THAT(constraints["users"].as<std::vector<std::string>>(),
              Contains("system:serviceaccount:observe:drift-plimsoll-agent"));
}

}  // namespace
}  // namespace plimsoll
