// What the cluster says of pods reaches the descriptions of their processes.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "agent/kube/pod_cache.h"
#include "tests/replay/agent/agent_fixture.h"

namespace plimsoll::agent {
namespace {

constexpr char kUid[] = "8712f785-1a3e-41ec-a00b-e2dcc77431cb";
constexpr char kContainer[] =
    "5f3c1a0d9b8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a";

class PodsTest : public AgentTest {
 protected:
  void SetUp() override {
    AgentTest::SetUp();
    pods_ = &cache_;
    AddPython(42);
    root_.AddProcess(42).Cgroup("0::/kubepods/burstable/pod" +
                                std::string(kUid) + "/" + kContainer + "\n");
    root_.CgroupFile(
        "/kubepods/burstable/pod" + std::string(kUid) + "/" + kContainer,
        "memory.current", "5000000\n");
  }
  static kube::PodRecord Pod() {
    kube::PodRecord pod;
    pod.uid = kUid;
    pod.identity = {.ns = "shop",
                    .pod = "orders-7d9f8c6b5d-x2x1q",
                    .container = "",
                    .workload_kind = "Deployment",
                    .workload_name = "orders-api",
                    .version = "1.4.2",
                    .version_source = "label",
                    .image_digest = "",
                    .owner = "payments"};
    pod.containers.push_back({kContainer, "app", "1.4.2-rc1", "sha256:aa"});
    return pod;
  }
  // How often pid 42 was described, and how the last time.
  int described() const {
    int count = 0;
    for (const core::NodeReport& report : reports_) {
      for (const core::DescribedProcess& process : report.processes) {
        count += process.description.id.pid == 42 ? 1 : 0;
      }
    }
    return count;
  }
  core::ProcessDescription Last42() const {
    core::ProcessDescription last;
    for (const core::NodeReport& report : reports_) {
      for (const core::DescribedProcess& process : report.processes) {
        if (process.description.id.pid == 42) last = process.description;
      }
    }
    return last;
  }

  kube::PodCache cache_;
};

TEST_F(PodsTest, AKnownPodNamesItsProcesses) {
  cache_.Replace({Pod()});
  cache_.SetNode("eu-west-3", "eu-west-3b");
  Start();
  time_.Advance(11 * kSecond);
  const core::ProcessDescription last = Last42();
  EXPECT_EQ(last.workload.ns, "shop");
  EXPECT_EQ(last.workload.kind, "Deployment");
  EXPECT_EQ(last.workload.name, "orders-api")
      << "not OTEL_SERVICE_NAME: the cluster's name is what on-call types";
  EXPECT_EQ(last.workload.source, "kubernetes");
  EXPECT_EQ(last.pod, "orders-7d9f8c6b5d-x2x1q");
  EXPECT_EQ(last.container, "app");
  EXPECT_EQ(last.version, "1.4.2");
  EXPECT_EQ(last.image_digest, "sha256:aa");
  EXPECT_EQ(last.owner, "payments");
  EXPECT_EQ(last.region, "eu-west-3");
  EXPECT_EQ(last.zone, "eu-west-3b");
  EXPECT_EQ(described(), 1);
}

TEST_F(PodsTest, APodThatIsToldLaterDescribesItsProcessesAgainOnce) {
  Start();
  time_.Advance(11 * kSecond);
  EXPECT_EQ(Last42().workload.name, "orders") << "what the process says itself";
  EXPECT_EQ(described(), 1);
  kube::PodRecord starting = Pod();
  starting.containers.clear();
  cache_.Put(starting);
  time_.Advance(10 * kSecond);
  EXPECT_EQ(Last42().workload.name, "orders-api");
  EXPECT_NE(Last42().container, "app");
  EXPECT_EQ(described(), 2);
  cache_.Put(Pod());
  time_.Advance(10 * kSecond);
  EXPECT_EQ(Last42().container, "app");
  EXPECT_EQ(described(), 3);
  cache_.Put(Pod());
  cache_.Remove(kUid);
  time_.Advance(20 * kSecond);
  EXPECT_EQ(described(), 3);
  EXPECT_EQ(Last42().workload.name, "orders-api") << "it stays what it was";
}

TEST_F(PodsTest, AnImageTagIsAVersionOnlyWhereTheProcessSaysNone) {
  kube::PodRecord pod = Pod();
  pod.identity.version = pod.identity.version_source = "";
  cache_.Replace({pod});
  root_.AddProcess(42).List("environ",
                            {"OTEL_RESOURCE_ATTRIBUTES=service.version=2.0"});
  Start();
  time_.Advance(11 * kSecond);
  EXPECT_EQ(Last42().version, "2.0");
}

TEST_F(PodsTest, TheConfiguredRegionStands) {
  config_.region = "ap-southeast-1";
  cache_.SetNode("eu-west-3", "");
  Start();
  time_.Advance(11 * kSecond);
  EXPECT_EQ(Last42().region, "ap-southeast-1");
}

}  // namespace
}  // namespace plimsoll::agent
