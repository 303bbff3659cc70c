#include "agent/kube/api_text.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::kube {
namespace {

constexpr char kPod[] =
    R"({"metadata":{"name":"db-0","namespace":"shop","uid":"u1",)"
    R"("resourceVersion":"41"}})";

TEST(ApiTextTest, APageOfPods) {
  auto page = ParsePodPage(
      std::string(R"({"kind":"PodList","metadata":{"resourceVersion":"40",)"
                  R"("continue":"abc"},"items":[)") +
      kPod + R"(,{"metadata":{}},7]})");
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->pods.size(), 1u);
  EXPECT_EQ(page->pods[0].identity.pod, "db-0");
  EXPECT_EQ(page->resource_version, "40");
  EXPECT_EQ(page->next, "abc");
}

TEST(ApiTextTest, AnEmptyNodeHasNullItems) {
  auto page = ParsePodPage(
      R"({"kind":"PodList","metadata":{"resourceVersion":"1"},"items":null})");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->pods.empty());
  EXPECT_EQ(page->next, "");
}

TEST(ApiTextTest, WhatIsNoListIsRefused) {
  for (const char* text :
       {"", "<html>", "[]", "{}", R"({"kind":"Status","code":500})",
        R"({"kind":"PodList","items":"x"})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePodPage(text).status())) << text;
  }
}

std::string Event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}";
}

TEST(ApiTextTest, Events) {
  auto added = ParsePodEvent(Event("ADDED", kPod));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->kind, PodEvent::Kind::kPut);
  EXPECT_EQ(added->resource_version, "41");
  EXPECT_EQ(ParsePodEvent(Event("MODIFIED", kPod))->kind, PodEvent::Kind::kPut);
  auto deleted = ParsePodEvent(Event("DELETED", kPod));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->kind, PodEvent::Kind::kRemove);
  EXPECT_EQ(deleted->pod.uid, "u1");
  auto bookmark = ParsePodEvent(
      Event("BOOKMARK", R"({"metadata":{"resourceVersion":"99"}})"));
  ASSERT_TRUE(bookmark.ok()) << bookmark.status();
  EXPECT_EQ(bookmark->kind, PodEvent::Kind::kBookmark);
  EXPECT_EQ(bookmark->resource_version, "99");
}

TEST(ApiTextTest, AnExpiredWatchIsTold) {
  EXPECT_TRUE(absl::IsOutOfRange(
      ParsePodEvent(Event("ERROR", R"({"code":410,"message":"too old"})"))
          .status()));
  const absl::Status other =
      ParsePodEvent(Event("ERROR", R"({"code":500,"message":"etcd is away"})"))
          .status();
  EXPECT_TRUE(absl::IsUnavailable(other));
  EXPECT_EQ(other.message(), "etcd is away");
}

TEST(ApiTextTest, WhatIsNoEventIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("{"), Event("ADDED", "{}"),
        Event("RENAMED", kPod)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePodEvent(text).status())) << text;
  }
}

TEST(ApiTextTest, RegionAndZoneOfANode) {
  auto labels = ParseNode(
      R"({"metadata":{"labels":{"topology.kubernetes.io/region":"eu-west-3",)"
      R"("topology.kubernetes.io/zone":"eu-west-3b"}}})");
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ(labels->region, "eu-west-3");
  EXPECT_EQ(labels->zone, "eu-west-3b");
  EXPECT_EQ(ParseNode("{}")->region, "");
}

}  // namespace
}  // namespace plimsoll::kube
