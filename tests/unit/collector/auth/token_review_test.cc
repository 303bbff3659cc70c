#include "collector/auth/token_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "collector/auth/authenticator.h"

namespace plimsoll::collector::auth {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const TokenRules kRules = {"plimsoll-collector",
                           {"other/one", "plimsoll/plimsoll-agent"}};

// As a server of 1.34 answers for a token of a projected volume.
json Answer() {
  return json::parse(R"({
    "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
    "metadata": {"creationTimestamp": null}, "spec": {"token": "t"},
    "status": {"authenticated": true, "user": {
      "username": "system:serviceaccount:plimsoll:plimsoll-agent",
      "uid": "0f3c", "groups": ["system:serviceaccounts"],
      "extra": {
        "authentication.kubernetes.io/credential-id": ["JTI=1"],
        "authentication.kubernetes.io/node-name": ["node1"],
        "authentication.kubernetes.io/node-uid": ["9d"],
        "authentication.kubernetes.io/pod-name": ["plimsoll-agent-x2x4q"],
        "authentication.kubernetes.io/pod-uid": ["ab"]}},
      "audiences": ["plimsoll-collector"]}})");
}

absl::StatusOr<PeerIdentity> Parse(const json& answer) {
  return ParseTokenReview(answer.dump(), kRules);
}

TEST(TokenReviewTest, TheNodeIsTheTokensClaim) {
  auto identity = Parse(Answer());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->node, "node1");
  EXPECT_EQ(identity->how,
            "token of plimsoll/plimsoll-agent, pod plimsoll-agent-x2x4q");
}

TEST(TokenReviewTest, TheQuestionNamesTokenAndAudience) {
  const json request = json::parse(TokenReviewRequest("a.b.c", kRules));
  EXPECT_EQ(request["kind"], "TokenReview");
  EXPECT_EQ(request["spec"]["token"], "a.b.c");
  EXPECT_EQ(request["spec"]["audiences"], json::array({"plimsoll-collector"}));
  EXPECT_TRUE(json::accept(TokenReviewRequest("\xff\"", kRules)));
}

TEST(TokenReviewTest, WhatIsNotAcceptedIsUnauthenticated) {
  json answer = Answer();
  answer["status"] = {{"error", "token has\nexpired"}};
  EXPECT_EQ(Parse(answer).status(),
            absl::UnauthenticatedError(
                "the cluster does not accept the token: token has?expired"));
  answer = Answer();
  answer["status"]["authenticated"] = "true";
  EXPECT_TRUE(absl::IsUnauthenticated(Parse(answer).status()));
  for (const json& audiences :
       {json(), json::array(), json::array({"https://kubernetes.default.svc"}),
        json("plimsoll-collector")}) {
    answer = Answer();
    answer["status"]["audiences"] = audiences;
    EXPECT_THAT(std::string(Parse(answer).status().message()),
                HasSubstr("not for the audience"))
        << audiences;
  }
}

// Any pod may ask for a token with our audience: its account must be right too.
TEST(TokenReviewTest, AnotherAccountMayNotReport) {
  for (const char* user :
       {"system:serviceaccount:shop:orders", "system:serviceaccount:plimsoll",
        "system:serviceaccount:plimsoll:plimsoll-agent:x", "plimsoll-agent",
        "system:node:node1", ""}) {
    json answer = Answer();
    answer["status"]["user"]["username"] = user;
    EXPECT_TRUE(absl::IsPermissionDenied(Parse(answer).status())) << user;
  }
}

TEST(TokenReviewTest, ATokenWithoutANodeIsNone) {
  const char* claim = "authentication.kubernetes.io/node-name";
  for (const json& value :
       {json(), json::array(), json::array({"a", "b"}), json::array({7}),
        json::array({"A b"}), json::array({"*"}), json("node1")}) {
    json answer = Answer();
    answer["status"]["user"]["extra"][claim] = value;
    auto identity = Parse(answer);
    EXPECT_TRUE(absl::IsPermissionDenied(identity.status())) << value;
    EXPECT_THAT(std::string(identity.status().message()), HasSubstr("1.30"));
  }
}

TEST(TokenReviewTest, WhatIsNoReviewIsUnavailable) {
  for (const char* text : {"", "[]", "null", "{}", "<html>",
                           R"({"kind":"Status","status":"Failure"})",
                           R"({"kind":"TokenReview"})"}) {
    EXPECT_TRUE(absl::IsUnavailable(ParseTokenReview(text, kRules).status()))
        << text;
  }
}

class FixedTokens final : public PeerAuthenticator {
 public:
  void Authenticate(PeerEvidence evidence, Done done) override {
    done(PeerIdentity{"node-of-" + evidence.token, "token"});
  }
};

TEST(AuthenticatorTest, ACertificateWithANodeGoesBeforeAToken) {
  FixedTokens tokens;
  const auto ask = [](Authenticator& authenticator, PeerEvidence evidence) {
    std::string node;
    authenticator.Authenticate(std::move(evidence), [&](auto identity) {
      node = identity.ok() ? identity->node
                           : std::string(identity.status().message());
    });
    return node;
  };
  PeerEvidence both;
  both.has_certificate = true;
  both.uris = {"spiffe://d/node/n1"};
  both.token = "t";
  PeerEvidence shared = both;  // a certificate that all agents have
  shared.uris = {"spiffe://d/plimsoll"};
  PeerEvidence token_only;
  token_only.token = "t";

  Authenticator either(true, &tokens);
  EXPECT_EQ(ask(either, both), "n1");
  EXPECT_EQ(ask(either, shared), "node-of-t");
  EXPECT_EQ(ask(either, token_only), "node-of-t");
  EXPECT_THAT(ask(either, {}), HasSubstr("a certificate or a token"));

  Authenticator certificates(true, nullptr);
  EXPECT_EQ(ask(certificates, both), "n1");
  EXPECT_THAT(ask(certificates, shared), HasSubstr("names no node"));
  EXPECT_THAT(ask(certificates, token_only), HasSubstr("a certificate is"));

  Authenticator only_tokens(false, &tokens);
  EXPECT_EQ(ask(only_tokens, both), "node-of-t");
  EXPECT_THAT(ask(only_tokens, {}), HasSubstr("a token is wanted"));
}

}  // namespace
}  // namespace plimsoll::collector::auth
