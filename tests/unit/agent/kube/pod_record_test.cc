#include "agent/kube/pod_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace plimsoll::kube {
namespace {

using nlohmann::json;

constexpr char kContainerId[] =
    "5f3c1a0d9b8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a";

// A pod of a Deployment as containerd's kubelet reports it, but shorter.
json Pod() {
  return json::parse(R"({
    "metadata": {
      "name": "orders-7d9f8c6b5d-x2x1q", "namespace": "shop",
      "uid": "8712f785-1a3e-41ec-a00b-e2dcc77431cb",
      "creationTimestamp": "2026-11-21T10:15:02Z",
      "labels": {"pod-template-hash": "7d9f8c6b5d",
                 "app.kubernetes.io/version": "1.4.2"},
      "annotations": {"plimsoll.io/owner": "payments"},
      "ownerReferences": [{"kind": "ReplicaSet", "controller": true,
                           "name": "orders-7d9f8c6b5d"}]},
    "spec": {"nodeName": "node1", "containers": [
      {"name": "app", "image": "registry:5000/shop/orders:1.4.2-rc1"}]},
    "status": {"containerStatuses": [
      {"name": "app", "image": "registry:5000/shop/orders:other",
       "imageID": "registry:5000/shop/orders@sha256:aa11",
       "containerID": "containerd://5f3c1a0d9b8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a"},
      {"name": "waiting", "image": "x:1", "containerID": ""}]}})");
}

void OwnedBy(const char* kind, const char* name, json& pod) {
  pod["metadata"]["ownerReferences"] =
      json::array({{{"kind", "Unrelated"}, {"name", "x"}},
                   {{"kind", kind}, {"name", name}, {"controller", true}}});
}

std::string WorkloadOf(const json& pod) {
  const std::optional<PodRecord> record = ParsePod(pod);
  if (!record) return "not a pod";
  return record->identity.workload_kind + "/" + record->identity.workload_name;
}

TEST(PodRecordTest, OfADeployment) {
  const std::optional<PodRecord> record = ParsePod(Pod());
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->uid, "8712f785-1a3e-41ec-a00b-e2dcc77431cb");
  ASSERT_EQ(record->containers.size(), 1u) << "one waits and has no id";
  EXPECT_EQ(record->containers[0].id, kContainerId);
  const core::PodIdentity in = IdentityIn(*record, &record->containers[0]);
  EXPECT_EQ(in.ns, "shop");
  EXPECT_EQ(in.pod, "orders-7d9f8c6b5d-x2x1q");
  EXPECT_EQ(in.workload_kind, "Deployment");
  EXPECT_EQ(in.workload_name, "orders");
  EXPECT_EQ(in.container, "app");
  EXPECT_EQ(in.version, "1.4.2");
  EXPECT_EQ(in.version_source, "label");
  EXPECT_EQ(in.image_digest, "sha256:aa11");
  EXPECT_EQ(in.owner, "payments");
}

TEST(PodRecordTest, WhatAnnotationsAskOfWhoeverCollectsMetrics) {
  json pod = Pod();
  EXPECT_FALSE(ParsePod(pod)->identity.scrape.asked);
  pod["metadata"]["annotations"].update({{"prometheus.io/scrape", "true"},
                                         {"prometheus.io/port", "8000"},
                                         {"prometheus.io/path", "/m\r\n"},
                                         {"prometheus.io/scheme", "https"}});
  pod["status"]["podIP"] = "10.1.2.3";
  const std::optional<PodRecord> record = ParsePod(pod);
  ASSERT_TRUE(record.has_value());
  const core::PodScrape scrape =
      IdentityIn(*record, &record->containers.at(0)).scrape;
  EXPECT_TRUE(scrape.asked);
  EXPECT_EQ(scrape.scheme, "https");
  EXPECT_EQ(scrape.port, "8000");
  EXPECT_EQ(scrape.path, "/m__");
  EXPECT_EQ(scrape.pod_ip, "10.1.2.3");
  for (const json& value : {json("yes"), json(true), json(1), json()}) {
    pod["metadata"]["annotations"]["prometheus.io/scrape"] = value;
    EXPECT_FALSE(ParsePod(pod)->identity.scrape.asked) << value;
  }
}

TEST(PodRecordTest, TheTagOfTheSpecIsTheVersionWhereNoLabelIs) {
  json pod = Pod();
  pod["metadata"]["labels"].erase("app.kubernetes.io/version");
  const auto version = [](const json& from) {
    const std::optional<PodRecord> record = ParsePod(from);
    return IdentityIn(*record, &record->containers.at(0)).version;
  };
  EXPECT_EQ(version(pod), "1.4.2-rc1");
  json& image = pod["spec"]["containers"][0]["image"];
  image = "registry:5000/shop/orders@sha256:aa11";
  EXPECT_EQ(version(pod), "other") << "of the status, the spec has no tag";
  pod["status"]["containerStatuses"][0]["image"] = "sha256:bb22";
  EXPECT_EQ(version(pod), "") << "a digest is no version";
}

TEST(PodRecordTest, OtherControllers) {
  json pod = Pod();
  OwnedBy("StatefulSet", "db", pod);
  EXPECT_EQ(WorkloadOf(pod), "StatefulSet/db");
  OwnedBy("DaemonSet", "logs", pod);
  EXPECT_EQ(WorkloadOf(pod), "DaemonSet/logs");
  OwnedBy("ReplicaSet", "by-hand", pod);
  EXPECT_EQ(WorkloadOf(pod), "ReplicaSet/by-hand");
  pod["metadata"]["labels"] = {{"rollouts-pod-template-hash", "abc12"}};
  OwnedBy("ReplicaSet", "orders-abc12", pod);
  EXPECT_EQ(WorkloadOf(pod), "Rollout/orders");
  pod["metadata"].erase("ownerReferences");
  EXPECT_EQ(WorkloadOf(pod), "Pod/orders-7d9f8c6b5d-x2x1q");
}

// 29,663,015 minutes after 1970 is 2026-05-26 07:35.
TEST(PodRecordTest, AJobOfACronJobIsToldByTheMinuteInItsName) {
  json pod = Pod();
  pod["metadata"]["creationTimestamp"] = "2026-05-26T07:35:01Z";
  OwnedBy("Job", "report-29663015", pod);
  EXPECT_EQ(WorkloadOf(pod), "CronJob/report");
  pod["metadata"]["creationTimestamp"] = "2026-11-21T10:15:02Z";
  EXPECT_EQ(WorkloadOf(pod), "Job/report-29663015")
      << "made half a year after the minute of its name: a name by chance";
  OwnedBy("Job", "migrate-20261121", pod);
  EXPECT_EQ(WorkloadOf(pod), "Job/migrate-20261121");
  OwnedBy("Job", "migrate", pod);
  EXPECT_EQ(WorkloadOf(pod), "Job/migrate");
}

TEST(PodRecordTest, AStaticPodHasTheUidOfItsCgroupAndNoNodeInItsName) {
  json pod = Pod();
  pod["metadata"]["annotations"]["kubernetes.io/config.hash"] =
      "03e8b7c4b1f00aa1e1a4bd1ff4f0a9cc";
  pod["metadata"]["name"] = "etcd-node1";
  OwnedBy("Node", "node1", pod);
  EXPECT_EQ(ParsePod(pod)->uid, "03e8b7c4b1f00aa1e1a4bd1ff4f0a9cc");
  EXPECT_EQ(WorkloadOf(pod), "Pod/etcd");
}

TEST(PodRecordTest, TeamLabelsAreOwnersToo) {
  json pod = Pod();
  pod["metadata"].erase("annotations");
  EXPECT_EQ(ParsePod(pod)->identity.owner, "");
  pod["metadata"]["labels"]["team"] = "routing\n[page me]";
  EXPECT_EQ(ParsePod(pod)->identity.owner, "routing_[page me]");
}

TEST(PodRecordTest, WhatIsNotThereOrOfAnotherKindIsLeftOut) {
  EXPECT_FALSE(ParsePod(json()).has_value());
  EXPECT_FALSE(ParsePod(json::array()).has_value());
  EXPECT_FALSE(ParsePod({{"metadata", 7}}).has_value());
  json pod = Pod();
  pod["metadata"]["labels"] = "none";
  pod["metadata"]["ownerReferences"] = {{"kind", 3}};
  pod["status"]["containerStatuses"] = {1, nullptr, "x"};
  pod["spec"] = json::array();
  const std::optional<PodRecord> record = ParsePod(pod);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->identity.workload_kind, "Pod");
  EXPECT_TRUE(record->containers.empty());
}

}  // namespace
}  // namespace plimsoll::kube
