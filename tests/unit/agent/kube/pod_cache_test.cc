#include "agent/kube/pod_cache.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace plimsoll::kube {
namespace {

PodRecord Pod(const std::string& uid, const std::string& container_id) {
  PodRecord pod;
  pod.uid = uid;
  pod.identity.pod = "pod-" + uid;
  pod.containers.push_back({container_id, "app", "1.0", "sha256:aa"});
  return pod;
}

TEST(PodCacheTest, FindsByContainerAndElseByPod) {
  PodCache cache;
  cache.Replace({Pod("u1", "c1"), Pod("u2", "c2")});
  std::optional<core::PodIdentity> found = cache.Find("c2", "");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->pod, "pod-u2");
  EXPECT_EQ(found->container, "app");
  found = cache.Find("not reported yet", "u1");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->pod, "pod-u1");
  EXPECT_EQ(found->container, "") << "the pod is known, its container is not";
  EXPECT_FALSE(cache.Find("c3", "u3").has_value());
  EXPECT_FALSE(cache.Find("", "").has_value());
}

TEST(PodCacheTest, ARestartedContainerReplacesTheOldOne) {
  PodCache cache;
  cache.Put(Pod("u1", "c1"));
  cache.Put(Pod("u1", "c1-again"));
  EXPECT_FALSE(cache.Find("c1", "").has_value());
  EXPECT_EQ(cache.Find("c1-again", "")->pod, "pod-u1");
  EXPECT_EQ(cache.size(), 1u);
  cache.Remove("u1");
  EXPECT_FALSE(cache.Find("c1-again", "u1").has_value());
}

TEST(PodCacheTest, AContainerThatMovedIsNotRemovedWithItsOldPod) {
  PodCache cache;
  cache.Put(Pod("u1", "c1"));
  cache.Put(Pod("u2", "c1"));
  cache.Remove("u1");
  EXPECT_EQ(cache.Find("c1", "")->pod, "pod-u2");
}

TEST(PodCacheTest, TheGenerationGrowsWithEachChange) {
  PodCache cache;
  uint64_t last = cache.generation();
  const auto grew = [&] {
    const uint64_t before = last;
    last = cache.generation();
    return last > before;
  };
  cache.Replace({});
  EXPECT_TRUE(grew());
  cache.SetNode("eu", "eu-1");
  EXPECT_TRUE(grew());
  EXPECT_EQ(cache.region(), "eu");
  EXPECT_EQ(cache.zone(), "eu-1");
  cache.SetNode("eu", "eu-1");
  EXPECT_FALSE(grew());
}

}  // namespace
}  // namespace plimsoll::kube
