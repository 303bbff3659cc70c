#include "collector/http/http_guard.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::collector::http {
namespace {

Response Served(const Request&) { return {200, "text/plain", "served"}; }

TEST(HttpGuardTest, TheTokenOfAHeader) {
  EXPECT_EQ(TokenOf("Bearer abc.def"), "abc.def");
  EXPECT_EQ(TokenOf("bEARER abc"), "abc");
  EXPECT_EQ(TokenOf("Basic YW55OnNlY3JldDp4"), "secret:x");  // any:secret:x
  EXPECT_EQ(TokenOf("basic OnNlY3JldA=="), "secret");        // :secret
  for (const char* none : {"", "Bearer", "abc", "Basic !!",
                           "Basic bm9jb2xvbg==", "Digest username=x"}) {
    EXPECT_EQ(TokenOf(none), "") << none;
  }
}

TEST(HttpGuardTest, AnAddressThatAsksTooOftenWaits) {
  int64_t now_ns = 0;
  RefusalCounter refusals;
  const Handler handler = LimitRate(
      {.per_s = 1, .burst = 2}, [&] { return now_ns; }, &refusals, Served);
  Request request;
  request.address = "10.0.0.1";
  int served = 0;
  for (int i = 0; i < 10; ++i) served += handler(request).status == 200;
  EXPECT_EQ(served, 3) << "a burst of two, and one below nothing";
  EXPECT_EQ(handler(request).status, 429);
  EXPECT_EQ(refusals.Total(Refusal::kHttpRate), 8);
  Request other;
  other.address = "10.0.0.2";
  EXPECT_EQ(handler(other).status, 200);
  now_ns += 2'000'000'000;
  EXPECT_EQ(handler(request).status, 200);
}

TEST(HttpGuardTest, AddressesAreForgottenBeforeTheyAreTooMany) {
  int64_t now_ns = 0;
  const Handler handler = LimitRate(
      {.per_s = 1, .burst = 1}, [&] { return now_ns; }, nullptr, Served);
  int served = 0;
  for (int i = 0; i < 5000; ++i) {
    Request request;
    request.address = std::to_string(i);
    served += handler(request).status == 200;
  }
  EXPECT_LT(served, 4200) << "those past the bound share one bucket";
  now_ns += 10'000'000'000;
  Request fresh;
  fresh.address = "fresh";
  EXPECT_EQ(handler(fresh).status, 200);
}

}  // namespace
}  // namespace plimsoll::collector::http
