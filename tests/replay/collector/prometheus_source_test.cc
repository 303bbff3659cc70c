// The collector's look at a Prometheus over real sockets: what it asks for, and
// what it makes of the answers. Debian's own is asked in e2e.
#include "collector/requests/prometheus_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collector/http/http_server.h"
#include "tests/support/eventually.h"

namespace plimsoll::collector::requests {
namespace {

using plimsoll::testing::Eventually;
using ::testing::HasSubstr;

std::string Vector(const std::string& row) {
  return R"({"status":"success","data":{"resultType":"vector","result":[)" +
         row + "]}}";
}

const std::string kGauges = Vector(
    R"({"metric":{"__name__":"vehicles","namespace":"shop","pod":"web-1",)"
    R"("city":"oslo"},"value":[1,"300"]})");

class PrometheusSourceTest : public ::testing::Test {
 protected:
  void Start(const std::string& query) {
    http::HttpServerOptions served;
    served.port = 0;
    auto server = http::HttpServer::Start(
        served, [this](const http::Request& request) -> http::Response {
          const std::string& what = request.query.at("query");
          const std::lock_guard lock(mutex_);
          asked_.insert(what);
          if (what == "gauges")
            return {gauges_ == kGauges ? 200 : 503, "application/json",
                    gauges_};
          return {200, "application/json",
                  Vector(R"({"metric":{"namespace":"shop","pod":"web-1"},)"
                         R"("value":[1,"12"]})")};
        });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    PrometheusSourceOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(server_->port());
    options.query = query;
    options.gauges_query = "gauges";
    options.period_ns = 20'000'000;
    options.unix_now_ns = [] { return int64_t{1'700'000'000'000'000'000}; };
    options.processes = [](const std::set<std::string>&) {
      ProcessInfo process;
      process.key = 7;
      process.pid = 7;
      process.workload.ns = "shop";
      process.pod = "web-1";
      return std::vector<ProcessInfo>{process};
    };
    options.deliver = [this](const std::vector<ProcessRequests>& served_now,
                             int64_t) {
      const std::lock_guard lock(mutex_);
      delivered_ = served_now;
      return absl::OkStatus();
    };
    source_ = std::make_unique<PrometheusSource>(std::move(options));
  }
  void TearDown() override { source_.reset(); }

  std::vector<ProcessRequests> Delivered() {
    const std::lock_guard lock(mutex_);
    return delivered_;
  }

  std::mutex mutex_;
  std::string gauges_ = kGauges;
  std::set<std::string> asked_;
  std::vector<ProcessRequests> delivered_;
  std::unique_ptr<http::HttpServer> server_;
  std::unique_ptr<PrometheusSource> source_;
};

TEST_F(PrometheusSourceTest, GaugesGoWithTheCounts) {
  Start("counts");
  ASSERT_TRUE(Eventually([this] { return !Delivered().empty(); }));
  const ProcessRequests one = Delivered()[0];
  EXPECT_EQ(one.counts.size(), 1U);
  EXPECT_EQ(one.gauges, (GaugeLevels{{{"vehicles", {{"city", "oslo"}}}, 300}}));
  EXPECT_EQ(source_->Status().series, 2);
}

TEST_F(PrometheusSourceTest, GaugesAloneWillDo) {
  Start("");
  ASSERT_TRUE(Eventually([this] { return !Delivered().empty(); }));
  EXPECT_TRUE(Delivered()[0].counts.empty());
  EXPECT_EQ(Delivered()[0].gauges.size(), 1U);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(asked_, std::set<std::string>{"gauges"});
}

TEST_F(PrometheusSourceTest, RequestsAreCountedWhileGaugesFail) {
  gauges_ = "no";
  Start("counts");
  ASSERT_TRUE(Eventually([this] { return source_->Status().failures > 0; }));
  ASSERT_EQ(Delivered().size(), 1U);
  EXPECT_EQ(Delivered()[0].counts.size(), 1U);
  EXPECT_TRUE(Delivered()[0].gauges.empty());
  EXPECT_THAT(source_->Status().last_error, HasSubstr("503"));
}

}  // namespace
}  // namespace plimsoll::collector::requests
