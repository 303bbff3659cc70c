// One message of every tier of the design is encoded, stored, read back and
// shown by the API and the page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "collector/http/api.h"
#include "collector/rpc/batch_decoder.h"
#include "collector/store/store.h"
#include "tests/support/api_answers.h"
#include "tests/support/golden_batch.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using Json = nlohmann::json;
using plimsoll::testing::Encode;
using plimsoll::testing::GoldenBatch;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kSecond;
using plimsoll::testing::TempDir;

constexpr char kType[] = "routing.vehicles.FloatingVehicle";

// true: read from chunks after a rollover and a new start; false: from the
// head.
class GoldenTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    Open();
    std::vector<IncomingBatch> group(1);
    group[0] = {"agent-1", "spool-1", Encode(GoldenBatch(1)), {}};
    auto batch = rpc::DecodeBatch(group[0].raw);
    ASSERT_TRUE(batch.ok()) << batch.status();
    group[0].batch = *std::move(batch);
    ASSERT_TRUE(
        store_->OpenStream({"agent-1", "spool-1", "node-1", "0.1", "6.18", 1})
            .ok());
    ASSERT_TRUE(store_->Apply(group).ok());
    if (GetParam()) {
      ASSERT_TRUE(store_->Rollover().ok());
      store_.reset();
      Open();
    }
  }

  void Open() {
    auto store =
        store::Store::Open({.path = (directory_.path() / "fleet.db").string()},
                           {rpc::DecodeBatch,
                            [] { return kGoldenUnixNs + kSecond; },
                            &losses_,
                            {}});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  http::Response Get(const std::string& target) {
    http::ApiPorts ports;
    ports.reader = store_.get();
    ports.board = store_.get();
    ports.losses = &losses_;
    ports.incidents = [] { return std::vector<Incident>(); };
    ports.engine_counters = [] { return EngineCounters(); };
    ports.connected_agents = [] { return std::vector<std::string>{"agent-1"}; };
    ports.notifiers = [] { return std::vector<TargetStatus>(); };
    ports.silence_sources = [] { return std::vector<SilenceSourceStatus>(); };
    ports.request_sources = [] { return std::vector<RequestSourceStatus>(); };
    ports.ready = [] { return absl::OkStatus(); };
    ports.now_ns = [] { return kGoldenUnixNs + kSecond; };
    ports.version = "test";
    http::Request request;
    request.method = "GET";
    EXPECT_TRUE(http::ParseTarget(target, &request)) << target;
    return http::Api(ports).Handle(request);
  }
  Json GetJson(const std::string& target) {
    http::Response response = Get(target);
    EXPECT_EQ(response.status, 200) << target << response.body;
    Json json = Json::parse(response.body, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << response.body;
    return json;
  }

  TempDir directory_;
  LossCounter losses_;
  std::unique_ptr<store::Store> store_;
};

INSTANTIATE_TEST_SUITE_P(HeadAndChunks, GoldenTest, ::testing::Bool());

TEST_P(GoldenTest, EveryTierIsShownWithItsCoverage) {
  Json process = GetJson("/api/v1/processes/1");
  EXPECT_EQ(process["workload"], "prod/routing/Deployment/routing-api");
  EXPECT_EQ(process["python"], "3.11.2");
  EXPECT_EQ(process["parent_pid"], 17);
  EXPECT_EQ(process["tiers"][0]["reason"], "not probed: <no symbol>");
  Json latest = process["latest"];
  for (const char* tier : {"memory", "gc", "pymalloc", "census", "requests"}) {
    EXPECT_TRUE(latest[tier]["value"]["coverage"].contains("method")) << tier;
  }
  EXPECT_EQ(latest["memory"]["value"]["rss_bytes"], 101'000'000);
  EXPECT_EQ(latest["memory"]["value"]["cgroup"]["limit_bytes"], 512'000'000);
  EXPECT_EQ(latest["gc"]["value"]["generations"][0]["collected"], 34);
  EXPECT_EQ(latest["pymalloc"]["value"]["size_classes"][0]["blocks_live"],
            6'000);
  EXPECT_EQ(latest["census"]["value"]["types"][0]["type"], kType);
  EXPECT_EQ(latest["census"]["value"]["coverage"]["share"], 0.994);
  EXPECT_EQ(latest["requests"]["value"]["counts"][0]["attributes"]["city"],
            "singapore");
  EXPECT_DOUBLE_EQ(process["census_typed_share"], 0.994 * 0.99);
  EXPECT_EQ(process["census_implausible_claims"], 12'345);
  EXPECT_EQ(latest["census"]["value"]["implausible_claims"], 12'345);
}

TEST_P(GoldenTest, EveryKindOfStackAndTheHoldersAreShown) {
  Json evidence = GetJson("/api/v1/processes/1/stacks");
  std::map<std::string, int64_t> allocations;
  for (const Json& document : evidence["stacks"]) {
    const Json& value = document["value"];
    EXPECT_EQ(document["window_s"], 20.0);
    EXPECT_EQ(value["stacks"][0]["frames"][0]["file"], "routing/vehicles.py");
    EXPECT_EQ(value["stacks"][0]["frames"][0]["line"], 118);
    allocations[value["kind"]] = value["stacks"][0]["allocations"];
  }
  EXPECT_EQ(allocations, (std::map<std::string, int64_t>{{"window", 501},
                                                         {"birth", 502},
                                                         {"page", 503},
                                                         {"gc", 504},
                                                         {"store", 505},
                                                         {"native", 506}}));
  ASSERT_THAT(evidence["holders"], SizeIs(1));
  EXPECT_EQ(evidence["holders"][0]["value"]["paths"][0]["path"][1], "OPEN");
  EXPECT_EQ(
      evidence["holders"][0]["value"]["kept_at"][0]["frames"][0]["function"],
      "load");
  auto rows = store_->Stacks(1, 0, int64_t{1} << 62);
  ASSERT_TRUE(rows.ok());
  ASSERT_THAT(*rows, SizeIs(6));
  EXPECT_EQ((*rows)[0].type, kType);
  EXPECT_EQ((*rows)[0].frames[0].line, 118);
}

TEST_P(GoldenTest, NumbersAreSeries) {
  const std::string time = "from=1700004999&to=1700005001";
  const std::map<std::string, double> wanted = {
      {"metric=rss_bytes", 101'000'000},
      {"metric=gc_collections_total&label=2", 12},
      {"metric=python_live_blocks", 6'000},
      {std::string("metric=type_objects&label=") + kType, 65'000},
      {"metric=requests_total&label=city%3Dsingapore%2Coutcome%3Dexception",
       88},
      {"metric=dropped_total&label=stack_read_fault", 5}};
  for (const auto& [query, value] : wanted) {
    Json json = GetJson("/api/v1/processes/1/series?" + query + "&" + time);
    ASSERT_THAT(json["samples"], SizeIs(1)) << query;
    EXPECT_EQ(json["samples"][0][0], 1'700'005'000.0) << query;
    EXPECT_EQ(json["samples"][0][1], value) << query;
  }
}

TEST_P(GoldenTest, NodesAndWorkloadsAreShown) {
  Json node = GetJson("/api/v1/nodes")["nodes"][0];
  EXPECT_EQ(node["node"], "node-1");
  EXPECT_EQ(node["attach_rung"], "uprobe_multi");
  EXPECT_EQ(node["losses"][0]["reason"], "ring_full");
  EXPECT_EQ(node["losses"][0]["count"], 9);
  Json workload = GetJson("/api/v1/workloads")["workloads"][0];
  EXPECT_EQ(workload["regions"][0], "ap-southeast-1");
  EXPECT_EQ(workload["rss_bytes"], 101'000'000);
  EXPECT_TRUE(workload["anon_bytes_per_s"].is_null());  // one sample: unknown
}

TEST_P(GoldenTest, TheApiIsAsItsDocumentSays) {
  const std::pair<const char*, const char*> targets[] = {
      {"/api/v1/board", "/api/v1/board"},
      {"/api/v1/workload", "/api/v1/workload?workload=routing-api"},
      {"/api/v1/processes/{key}", "/api/v1/processes/1"},
      {"/api/v1/processes/{key}/stacks", "/api/v1/processes/1/stacks"},
      {"/api/v1/stacks", "/api/v1/stacks?process=1"},
      {"/api/v1/types", "/api/v1/types?process=1"},
      {"/api/v1/attributes", "/api/v1/attributes?process=1"},
      {"/api/v1/coverage", "/api/v1/coverage"},
      {"/api/v1/nodes", "/api/v1/nodes"}};
  for (const auto& [path, target] : targets) {
    const http::Response response = Get(target);
    EXPECT_EQ(response.status, 200) << target << response.body;
    plimsoll::testing::ExpectAsDocumented(path, response);
  }
}

TEST_P(GoldenTest, ThePageShowsItEscaped) {
  http::Response page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("routing-api"));
  EXPECT_THAT(page.body, HasSubstr("ring_full 9"));
  EXPECT_THAT(page.body, HasSubstr("not probed: &lt;no symbol&gt;"));
  EXPECT_THAT(page.body, Not(HasSubstr("<no symbol>")));
  EXPECT_THAT(Get("/processes/1").body, HasSubstr("routing/vehicles.py:118"));
  EXPECT_THAT(Get("/metrics").body,
              HasSubstr("plimsoll_collector_dropped_total{reason=\"duplicate"));
}

TEST_P(GoldenTest, MistakesAreErrorsInJson) {
  const std::map<std::string, int> wanted = {
      {"/api/v1/processes/99", 404},
      {"/api/v1/processes/abc", 400},
      {"/api/v1/processes/1/nothing", 404},
      {"/api/v1/processes/1/series?metric=rss_bytes&from=x", 400},
      {"/api/v1/processes/1/series?metric=rss_bytes&from=5&to=4", 400},
      {"/api/v1/incidents/none", 404},
      {"/api/v1/else", 404}};
  for (const auto& [target, status] : wanted) {
    http::Response response = Get(target);
    EXPECT_EQ(response.status, status) << target;
    Json json = Json::parse(response.body, nullptr, false);
    EXPECT_TRUE(json.contains("error")) << target << response.body;
  }
  // For a person, a page with a way back.
  const http::Response page = Get("/else");
  EXPECT_EQ(page.status, 404);
  EXPECT_THAT(page.body, HasSubstr("<a href=\"/\">"));
}

}  // namespace
}  // namespace plimsoll::collector
