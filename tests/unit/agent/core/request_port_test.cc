#include "agent/core/request_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::core {
namespace {

using ::testing::HasSubstr;

TEST(RequestPortTest, WhatAnnotationsLeaveOutIsUsual) {
  const auto endpoint = ParseMetricsEndpoint("", "", "");
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(*endpoint, (MetricsEndpoint{0, "/metrics"}));
  EXPECT_EQ(*ParseMetricsEndpoint("http", "65535", "/a/b?c=d"),
            (MetricsEndpoint{65535, "/a/b?c=d"}));
}

TEST(RequestPortTest, HttpsIsRefusedByName) {
  const absl::Status https = ParseMetricsEndpoint("https", "1", "").status();
  EXPECT_EQ(https.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(https.message()), HasSubstr("over https"));
}

// Annotations are anybody's who may make a pod: nothing of them may end the
// request's line or leave the port.
TEST(RequestPortTest, OtherTextIsRefusedAndShownClean) {
  for (const char* port : {"0", "-1", "65536", "80a", " 80", "http"}) {
    EXPECT_THAT(
        std::string(ParseMetricsEndpoint("", port, "").status().message()),
        HasSubstr("no port of metrics"))
        << port;
  }
  for (const std::string& path :
       {std::string("metrics"), std::string("/a b"), std::string("/a\r\nX: y"),
        std::string("//h\x80"), std::string("/a#b"), std::string("/a\\b"),
        "/" + std::string(255, 'x'), std::string("/a\0b", 4)}) {
    const auto endpoint = ParseMetricsEndpoint("", "", path);
    ASSERT_FALSE(endpoint.ok()) << path;
    for (const char c : std::string(endpoint.status().message())) {
      EXPECT_TRUE(c >= ' ' && c <= '~') << path;
    }
  }
  EXPECT_FALSE(ParseMetricsEndpoint("gopher", "", "").ok());
}

}  // namespace
}  // namespace plimsoll::core
