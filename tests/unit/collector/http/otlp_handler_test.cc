#include "collector/http/otlp_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/gzip_body.h"

namespace plimsoll::collector::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Zip;

constexpr size_t kMostBytes = 1000;

class OtlpHandlerTest : public ::testing::Test {
 protected:
  Response Post(const std::string& body, const std::string& encoding = "",
                const std::string& type = "application/x-protobuf") {
    Request request;
    request.method = "POST";
    request.path = "/v1/metrics";
    request.content_type = type;
    request.content_encoding = encoding;
    request.body = body;
    return handler_(request);
  }

  RefusalCounter refusals_;
  std::vector<std::string> taken_;
  Handler handler_ = OtlpHandler({.take =
                                      [this](std::string_view bytes) {
                                        taken_.emplace_back(bytes);
                                        return absl::OkStatus();
                                      },
                                  .bytes_of_json = [](std::string_view json)
                                      -> absl::StatusOr<std::string> {
                                    if (!json.starts_with('{'))
                                      return absl::InvalidArgumentError("none");
                                    return "of " + std::string(json);
                                  },
                                  .max_body_bytes = kMostBytes,
                                  .refusals = &refusals_});
};

TEST_F(OtlpHandlerTest, TakesABodyAsItIsAndByGzip) {
  EXPECT_EQ(Post("plain").status, 200);
  EXPECT_EQ(Post("same", "identity").status, 200);
  EXPECT_EQ(Post(Zip("zipped"), "gzip").status, 200);
  EXPECT_EQ(Post(Zip("shouted"), "GZIP").status, 200);
  EXPECT_THAT(taken_, ElementsAre("plain", "same", "zipped", "shouted"));
}

TEST_F(OtlpHandlerTest, TakesJson) {
  const Response plain = Post("{}", "", "application/json");
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.body, "{}");
  EXPECT_EQ(plain.content_type, "application/json");
  EXPECT_EQ(Post(Zip("{1}"), "gzip", "Application/JSON; charset=utf-8").status,
            200);
  EXPECT_THAT(taken_, ElementsAre("of {}", "of {1}"));
  EXPECT_EQ(Post("<xml/>", "", "application/json").status, 400);
  EXPECT_EQ(refusals_.Total(Refusal::kHttpMalformed), 1);
}

TEST_F(OtlpHandlerTest, ABodyThatUnfoldsToTooMuchIsRefusedInWords) {
  const Response answer = Post(Zip(std::string(1 << 20, 'x')), "gzip");
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("unfolds to more than 1000 bytes"));
  EXPECT_EQ(refusals_.Total(Refusal::kHttpUnfolded), 1);
  EXPECT_EQ(Post(Zip(std::string(kMostBytes, 'x')), "gzip").status, 200);
  EXPECT_EQ(refusals_.Total(Refusal::kHttpUnfolded), 1);
}

TEST_F(OtlpHandlerTest, WhatItDoesNotKnowIsRefused) {
  EXPECT_EQ(Post("x", "br").status, 415);
  EXPECT_EQ(Post("x", "gzip, gzip").status, 415);
  EXPECT_EQ(Post("x", "", "text/plain").status, 415);
  const Response answer = Post("not zipped", "gzip");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("no gzip, or is cut short"));
  EXPECT_EQ(refusals_.Total(Refusal::kHttpMalformed), 1);
  EXPECT_TRUE(taken_.empty());
}

}  // namespace
}  // namespace plimsoll::collector::http
