// What services export by OTLP, in the store: as series of the processes of
// their pods, as if the agent of each had measured it.
#include "collector/otlp_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collector/rpc/batch_decoder.h"
#include "collector/store/store.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"
#include "tests/support/golden_batch.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::collector {
namespace {

namespace metrics = opentelemetry::proto::metrics::v1;
using Export =
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
using plimsoll::testing::AddGoldenDescription;
using plimsoll::testing::AddGoldenMemory;
using plimsoll::testing::AddSnapshot;
using plimsoll::testing::EmptyBatch;
using plimsoll::testing::kGoldenUnixNs;
using plimsoll::testing::kSecond;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr int64_t kForever = int64_t{1} << 62;

template <typename Parent>
void Set(Parent* parent, const std::string& key, const std::string& value) {
  auto* attribute = parent->add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(value);
}

metrics::ScopeMetrics* AddWorker(Export& out, const std::string& worker) {
  metrics::ResourceMetrics* resource = out.add_resource_metrics();
  Set(resource->mutable_resource(), "k8s.namespace.name", "routing");
  Set(resource->mutable_resource(), "k8s.pod.name", "routing-api-7d9f-x2x1q");
  Set(resource->mutable_resource(), "service.instance.id", worker);
  return resource->add_scope_metrics();
}

void AddVehicles(metrics::ScopeMetrics* scope, const std::string& city,
                 int64_t vehicles) {
  metrics::Metric* metric = scope->add_metrics();
  metric->set_name("vehicles");
  auto* point = metric->mutable_gauge()->add_data_points();
  point->set_as_int(vehicles);
  Set(point, "city", city);
}

class OtlpFeedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::StoreOptions options;
    options.path = (directory_.path() / "fleet.db").string();
    auto store = store::Store::Open(
        options, {rpc::DecodeBatch, [this] { return now_ns_; }, &losses_, {}});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    v1::Batch batch = EmptyBatch(1);
    AddGoldenDescription(&batch);
    AddGoldenMemory(AddSnapshot(&batch));
    IncomingBatch incoming{
        "agent-1", "spool-1", plimsoll::testing::Encode(batch), {}};
    auto decoded = rpc::DecodeBatch(incoming.raw);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    incoming.batch = *std::move(decoded);
    std::vector<IncomingBatch> group;
    group.push_back(std::move(incoming));
    ASSERT_TRUE(store_->Apply(group).ok());
    feed_ = std::make_unique<OtlpFeed>(store_.get(), rpc::OtlpRules{},
                                       [this] { return now_ns_; });
  }

  void Take(const Export& what, int64_t after_s) {
    now_ns_ += after_s * kSecond;
    const absl::Status status = feed_->Take(what.SerializeAsString());
    EXPECT_TRUE(status.ok()) << status;
  }

  // The newest value of each series.
  std::map<std::string, double> Newest(const char* metric) {
    std::map<std::string, double> out;
    const auto names = store_->Series(1, metric);
    EXPECT_TRUE(names.ok()) << names.status();
    for (const SeriesName& name : *names) {
      const auto samples = store_->Read(1, name, 0, kForever);
      EXPECT_TRUE(samples.ok()) << samples.status();
      if (!samples->empty()) out[name.label] = samples->back().value;
    }
    return out;
  }

  plimsoll::testing::TempDir directory_;
  LossCounter losses_;
  int64_t now_ns_ = kGoldenUnixNs + 5 * kSecond;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<OtlpFeed> feed_;
};

TEST_F(OtlpFeedTest, GaugesOfAPodAreThoseOfItsProcess) {
  Export first;
  AddVehicles(AddWorker(first, "1"), "oslo", 300);
  Take(first, 1);
  EXPECT_THAT(Newest(metric::kGauge),
              UnorderedElementsAre(Pair("~vehicles city=oslo", 300)));
  // Workers export on their own, and their vehicles are added up.
  Export second;
  metrics::ScopeMetrics* scope = AddWorker(second, "2");
  AddVehicles(scope, "oslo", 20);
  AddVehicles(scope, "lima", 7);
  Take(second, 10);
  EXPECT_THAT(Newest(metric::kGauge),
              UnorderedElementsAre(Pair("~vehicles city=oslo", 320),
                                   Pair("~vehicles city=lima", 7)));
  EXPECT_TRUE(Newest(metric::kRequests).empty());
  EXPECT_EQ(feed_->Status().series, 2);
  EXPECT_EQ(feed_->Status().processes, 1);
}

TEST_F(OtlpFeedTest, AGaugeIsNotCountedAmongRequests) {
  for (int turn = 0; turn < 2; ++turn) {
    Export both;
    metrics::ScopeMetrics* scope = AddWorker(both, "1");
    AddVehicles(scope, "oslo", -3);
    metrics::Metric* requests = scope->add_metrics();
    requests->set_name("requests");
    metrics::Sum* sum = requests->mutable_sum();
    sum->set_is_monotonic(true);
    sum->set_aggregation_temporality(
        metrics::AGGREGATION_TEMPORALITY_CUMULATIVE);
    auto* point = sum->add_data_points();
    point->set_as_int(10 + 5 * turn);
    Set(point, "city", "oslo");
    Take(both, 10);
  }
  EXPECT_THAT(Newest(metric::kGauge),
              UnorderedElementsAre(Pair("~vehicles city=oslo", -3)));
  EXPECT_THAT(Newest(metric::kRequests),
              UnorderedElementsAre(Pair("city=oslo", 5)));
}

}  // namespace
}  // namespace plimsoll::collector
