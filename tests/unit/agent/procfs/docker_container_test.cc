#include "agent/procfs/docker_container.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::procfs {
namespace {

// As Docker 24 writes it for a service of a Compose file, but shorter.
constexpr char kCompose[] = R"({
  "StreamConfig": {}, "State": {"Running": true, "Pid": 4711},
  "ID": "aa", "Created": "2026-11-21T10:15:02.1Z", "Path": "gunicorn",
  "Args": ["app:app"], "Image": "sha256:1f2e", "Name": "/shop-orders-1",
  "Config": {"Hostname": "aa", "Env": ["TOKEN=secret"],
    "Image": "registry:5000/shop/orders:1.4.2@sha256:9b",
    "Labels": {"com.docker.compose.project": "shop",
      "com.docker.compose.service": "orders",
      "com.docker.compose.container-number": "1", "team": "payments"}}})";

TEST(DockerContainerTest, AServiceOfACompose) {
  auto container = ParseDockerContainer(kCompose);
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_EQ(container->kind, "compose");
  EXPECT_EQ(container->ns, "shop");
  EXPECT_EQ(container->name, "orders");
  EXPECT_EQ(container->version, "1.4.2");
  EXPECT_EQ(container->image_digest, "sha256:1f2e");
  EXPECT_EQ(container->owner, "payments");
}

TEST(DockerContainerTest, AServiceOfASwarmAndALabelledVersion) {
  auto container = ParseDockerContainer(
      R"({"Config": {"Image": "orders", "Labels": {
        "com.docker.stack.namespace": "shop",
        "com.docker.swarm.service.name": "shop_orders",
        "org.opencontainers.image.version": "7",
        "plimsoll.io/owner": "o", "owner": "x"}}})");
  ASSERT_TRUE(container.ok()) << container.status();
  EXPECT_EQ(container->kind, "swarm");
  EXPECT_EQ(container->ns, "shop");
  EXPECT_EQ(container->name, "shop_orders");
  EXPECT_EQ(container->version, "7");
  EXPECT_EQ(container->owner, "o");
}

TEST(DockerContainerTest, WithoutLabelsItIsItsImage) {
  auto container =
      ParseDockerContainer(R"({"Config": {"Image": "a/b/orders:2"}})");
  ASSERT_TRUE(container.ok());
  EXPECT_EQ(container->kind + " " + container->name + " " + container->version,
            "image orders 2");
  container = ParseDockerContainer(R"({"Config": {"Image": "sha256:ab"}})");
  ASSERT_TRUE(container.ok());
  EXPECT_EQ(container->name, "") << "an image that has lost its name";
  container = ParseDockerContainer(
      R"({"Config": {"Image": 7, "Labels": ["x"]}, "Image": {}})");
  ASSERT_TRUE(container.ok());
  EXPECT_EQ(container->name + container->image_digest, "");
}

TEST(DockerContainerTest, NamesAreBoundedAndPrintable) {
  auto container = ParseDockerContainer(
      R"({"Config": {"Labels": {"com.docker.compose.service": "a\u0001)" +
      std::string(1000, 'b') + R"("}}})");
  ASSERT_TRUE(container.ok());
  EXPECT_EQ(container->name.size(), 256u);
  EXPECT_EQ(container->name.substr(0, 3), "a_b");
}

TEST(DockerContainerTest, GarbageAndOtherIdsAreErrors) {
  for (const char* text : {"", "{", "[]", "{}", R"({"Config": 1})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDockerContainer(text).status()))
        << text;
  }
  for (const std::string& id :
       {std::string(), std::string("../x"), std::string(64, '/'),
        std::string(63, 'a'), std::string(64, 'a')}) {
    EXPECT_TRUE(
        absl::IsNotFound(ReadDockerContainer("/nonexistent", id).status()))
        << id;
  }
}

}  // namespace
}  // namespace plimsoll::procfs
