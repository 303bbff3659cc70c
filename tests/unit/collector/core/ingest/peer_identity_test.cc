#include "collector/core/ingest/peer_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "collector/core/ingest/refusal_counter.h"
#include "collector/core/ingest/token_bucket.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;

std::string NodeOf(std::vector<std::string> uris,
                   std::vector<std::string> dns_names = {}) {
  PeerEvidence evidence;
  evidence.has_certificate = true;
  evidence.uris = std::move(uris);
  evidence.dns_names = std::move(dns_names);
  auto identity = IdentityOfCertificate(evidence);
  return identity.ok() ? identity->node
                       : "no: " + std::string(identity.status().message());
}

TEST(PeerIdentityTest, AUriNamesTheNode) {
  EXPECT_EQ(NodeOf({"spiffe://example.org/plimsoll/node/ip-10-0-0-7.internal"}),
            "ip-10-0-0-7.internal");
  EXPECT_EQ(NodeOf({"https://x/node/other", "spiffe://d/node/n1"}, {"dns"}),
            "n1");
  EXPECT_EQ(NodeOf({"spiffe://d/node/n1", "spiffe://e/f/node/n1"}), "n1");
}

TEST(PeerIdentityTest, WithoutOneTheOnlyDnsNameDoes) {
  EXPECT_EQ(NodeOf({}, {"n1.example.org"}), "n1.example.org");
  EXPECT_EQ(NodeOf({"spiffe://d/ns/x/sa/y"}, {"n1"}), "n1");
  EXPECT_THAT(NodeOf({}, {"n1", "n2"}), HasSubstr("names no node"));
  EXPECT_THAT(NodeOf({}, {"*.example.org"}), HasSubstr("names no node"));
  EXPECT_THAT(NodeOf({}), HasSubstr("spiffe://DOMAIN"));
}

TEST(PeerIdentityTest, WhatIsNotClearIsRefused) {
  EXPECT_THAT(NodeOf({"spiffe://d/node/n1", "spiffe://d/node/n2"}, {"n3"}),
              HasSubstr("several nodes"));
  for (const char* uri :
       {"spiffe://d/node/", "spiffe://d/node/a/b", "spiffe:///node/n1",
        "spiffe://d/node/A", "spiffe://d/node/n%31", "spiffe://d/node/n1*x",
        "spiffe://d/node/-n", "SPIFFE://d/node/n1", "node/n1", ""}) {
    EXPECT_THAT(NodeOf({uri}), HasSubstr("names no node")) << uri;
  }
  EXPECT_THAT(NodeOf({"spiffe://d/node/" + std::string(300, 'a')}),
              HasSubstr("names no node"));
}

TEST(PeerIdentityTest, ANodeSpeaksForItselfOnly) {
  const PeerIdentity n1 = {"n1", "certificate"};
  EXPECT_TRUE(MaySpeakFor(n1, "n1"));
  for (const char* other : {"n2", "n11", "n", "", "N1", "n1*", "*"}) {
    EXPECT_FALSE(MaySpeakFor(n1, other)) << other;
  }
  EXPECT_FALSE(MaySpeakFor({"", "nothing"}, "n1"));
  EXPECT_FALSE(MaySpeakFor({"", "nothing"}, ""));
}

TEST(PeerIdentityTest, ARelaysCertificateSaysForWhichNodes) {
  const PeerIdentity relay = {NodeOf({"spiffe://d/node/eu-west-3-*"}), ""};
  EXPECT_TRUE(MaySpeakFor(relay, "eu-west-3-a"));
  EXPECT_FALSE(MaySpeakFor(relay, "eu-west-1-a"));
  EXPECT_FALSE(MaySpeakFor(relay, "x-eu-west-3-a"));
  EXPECT_TRUE(MaySpeakFor({NodeOf({"spiffe://d/node/*"}), ""}, "any"));
  EXPECT_FALSE(MaySpeakFor({"*", ""}, ""));
}

TEST(TokenBucketTest, ABurstThenARate) {
  constexpr int64_t kSecond = 1'000'000'000;
  TokenBucket bucket({.per_s = 10, .burst = 100}, 0);
  bucket.Take(100, 0);
  EXPECT_EQ(bucket.WaitNs(0), 0);
  bucket.Take(50, 0);
  EXPECT_NEAR(static_cast<double>(bucket.WaitNs(0)), 5e9, 10);
  EXPECT_NEAR(static_cast<double>(bucket.WaitNs(3 * kSecond)), 2e9, 10);
  EXPECT_EQ(bucket.WaitNs(5 * kSecond + 1000), 0);
  EXPECT_FALSE(bucket.full(6 * kSecond));
  EXPECT_TRUE(bucket.full(3600 * kSecond));
  bucket.Take(100, 3600 * kSecond);
  EXPECT_EQ(bucket.WaitNs(0), 0) << "a clock that steps back";
  bucket.Take(1, 3600 * kSecond);
  EXPECT_GT(bucket.WaitNs(3600 * kSecond), 0) << "no more than a burst";
}

TEST(RefusalCounterTest, EachReasonHasItsOwnNameAndCount) {
  RefusalCounter refusals;
  refusals.Count(Refusal::kHttpSlow);
  refusals.Count(Refusal::kHttpSlow);
  EXPECT_EQ(refusals.Total(Refusal::kHttpSlow), 2);
  EXPECT_EQ(refusals.Total(Refusal::kOtherNode), 0);
  const RefusalName slow =
      kRefusalNames[static_cast<size_t>(Refusal::kHttpSlow)];
  EXPECT_STREQ(slow.endpoint, "http");
  EXPECT_STREQ(slow.reason, "too_slow");
}

}  // namespace
}  // namespace plimsoll::collector
