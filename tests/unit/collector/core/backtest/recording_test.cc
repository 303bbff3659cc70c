#include "collector/core/backtest/recording.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "collector/core/backtest/workload_of_pod.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStartMs = 1'700'000'000'000;

int64_t Ns(double t_s) {
  return (kStartMs + static_cast<int64_t>(t_s * 1000)) * kMs;
}

void Put(Recording& r, const std::string& series, double t_s, double value) {
  ASSERT_EQ(r.Add({series, value, kStartMs + static_cast<int64_t>(t_s * 1000)}),
            "");
}

std::string Rss(const std::string& pod, const std::string& more = "") {
  return "container_memory_rss{namespace=\"n\",pod=\"" + pod + "\"" + more +
         "}";
}

std::vector<double> Values(const Recording& r, ProcessKey process,
                           const SeriesName& name) {
  std::vector<double> out;
  const auto samples = r.Read(process, name, 0, INT64_MAX);
  if (!samples.ok()) return out;
  for (const Sample& s : *samples) out.push_back(s.value);
  return out;
}

const SeriesName kMemory{metric::kAnon, ""};

TEST(WorkloadOfPod, DropsWhatKubernetesAppends) {
  EXPECT_EQ(WorkloadOfPod("orders-7c9f8d6b5-x2b9k"), "orders");
  EXPECT_EQ(WorkloadOfPod("orders-api-v2-7c9f8d6b5-x2b9k"), "orders-api-v2");
  EXPECT_EQ(WorkloadOfPod("agent-x2b9k"), "agent");
  EXPECT_EQ(WorkloadOfPod("db-0"), "db");
  EXPECT_EQ(WorkloadOfPod("report-28392040-x2b9k"), "report");
  EXPECT_EQ(WorkloadOfPod("orders"), "orders");
  EXPECT_EQ(WorkloadOfPod("orders-east1"), "orders-east1");
  EXPECT_EQ(WorkloadOfPod("orders-api"), "orders-api");
  EXPECT_EQ(WorkloadOfPod("orders-cache"), "orders-cache");
  EXPECT_EQ(WorkloadOfPod("10.0.0.3:8000"), "10.0.0.3:8000");
  EXPECT_EQ(WorkloadOfPod(""), "");
  EXPECT_EQ(WorkloadOfPod("-"), "-");
}

TEST(Recording, NothingLaterThanNowIsSeen) {
  Recording r({});
  for (int i = 0; i < 10; ++i) Put(r, Rss("a-0"), 60 * i, i);
  for (int i = 5; i < 10; ++i) Put(r, Rss("a-1"), 60 * i, i);
  r.Seal();
  r.SetNow(Ns(150));
  const auto processes = r.Processes(0);
  ASSERT_TRUE(processes.ok());
  ASSERT_EQ(processes->size(), 1u);
  EXPECT_EQ((*processes)[0].pod, "a-0");
  EXPECT_EQ((*processes)[0].last_seen_ns, Ns(150));
  EXPECT_EQ(Values(r, 1, kMemory), (std::vector<double>{0, 1, 2}));
  r.SetNow(Ns(1e6));
  EXPECT_EQ(r.Processes(0)->size(), 2u);
  EXPECT_EQ(Values(r, 1, kMemory).size(), 10u);
}

TEST(Recording, AStartTimeThatChangesBeginsALife) {
  Recording r({});
  for (int i = 0; i < 10; ++i) {
    Put(r, Rss("a-0"), 60 * i, 100 + i);
    Put(r, "process_start_time_seconds{namespace=\"n\",pod=\"a-0\"}", 60 * i,
        kStartMs / 1000.0 + (i < 5 ? -1000 : 290));
  }
  r.Seal();
  r.SetNow(Ns(1e6));
  ASSERT_EQ(r.lives().size(), 2u);
  EXPECT_EQ(r.lives()[0].info.start_unix_ns, Ns(-1000));
  EXPECT_EQ(r.lives()[1].info.start_unix_ns, Ns(290));
  EXPECT_TRUE(r.lives()[0].ended);
  EXPECT_EQ(Values(r, 1, kMemory).size(), 5u);
  EXPECT_EQ(Values(r, 2, kMemory).front(), 105);
}

TEST(Recording, WithoutStartTimesAFallToTheBeginningBeginsALife) {
  Recording r({});
  const double levels[] = {100, 180, 260, 180, 260, 104, 180};
  for (int i = 0; i < 7; ++i) Put(r, Rss("a-0"), 60 * i, levels[i]);
  r.Seal();
  ASSERT_EQ(r.lives().size(), 2u);
  EXPECT_EQ(r.lives()[1].info.first_seen_ns, Ns(300));
}

TEST(Recording, LabelsAreTakenFromThePodsOtherSeries) {
  Recording r({.requests_metric = "hits_total", .attributes = {"city"}});
  for (int i = 0; i < 5; ++i) {
    Put(r, Rss("web-7c9f8d6b5-x2b9k", ",container=\"app\""), 60 * i, 500);
    Put(r, Rss("web-7c9f8d6b5-x2b9k", ",container=\"proxy\""), 60 * i, 5);
    Put(r, Rss("web-7c9f8d6b5-x2b9k", ",container=\"POD\""), 60 * i, 1);
    Put(r, Rss("web-7c9f8d6b5-x2b9k"), 60 * i, 506);
    for (const char* worker : {"1", "2"}) {
      Put(r,
          std::string("hits_total{namespace=\"n\",pod=\"web-7c9f8d6b5-x2b9k\","
                      "region=\"eu\",version=\"v3\",city=\"a\",worker=\"") +
              worker + "\"}",
          60 * i, i < 3 ? 10 * i : 10 * (i - 3));
    }
  }
  r.Seal();
  r.SetNow(Ns(1e6));
  ASSERT_EQ(r.lives().size(), 2u) << "the pod's own cgroup is no process";
  const ProcessInfo& app = r.lives()[0].info;
  EXPECT_EQ(app.container, "app");
  EXPECT_EQ(app.workload.name, "web");
  EXPECT_EQ(app.workload.ns, "n");
  EXPECT_EQ(app.region, "eu");
  EXPECT_EQ(app.version, "v3");
  const auto series = r.Series(app.key, metric::kRequests);
  ASSERT_TRUE(series.ok());
  ASSERT_EQ(series->size(), 1u);
  EXPECT_EQ((*series)[0].label, "city=a");
  // Two workers that both began anew after the third look.
  EXPECT_EQ(Values(r, app.key, (*series)[0]),
            (std::vector<double>{0, 20, 40, 40, 60}));
}

TEST(Recording, ATargetWithoutPodIsKnownByItsJob) {
  Recording r({});
  Put(r, "process_resident_memory_bytes{instance=\"h:1\",job=\"orders\"}", 0,
      5);
  Put(r, "process_resident_memory_bytes{x=\"y\"}", 0, 5);
  Put(r, "something_else{instance=\"h:1\"}", 0, 5);
  r.Seal();
  ASSERT_EQ(r.lives().size(), 1u);
  EXPECT_EQ(r.lives()[0].info.workload.name, "orders");
  EXPECT_EQ(r.no_pod(), 1);
  EXPECT_EQ(r.series(), 1);
}

TEST(Recording, LateDoubledAndImpossibleSamples) {
  Recording r({});
  Put(r, Rss("a-0"), 120, 3);
  Put(r, Rss("a-0"), 60, 2);
  Put(r, Rss("a-0"), 60, 2);
  Put(r, Rss("a-0"), 180, -5);
  Put(r, Rss("a-0"), 240, std::numeric_limits<double>::infinity());
  r.Seal();
  r.SetNow(Ns(1e6));
  EXPECT_EQ(Values(r, 1, kMemory), (std::vector<double>{2, 3}));
  EXPECT_TRUE(Values(r, 0, kMemory).empty());
  EXPECT_TRUE(Values(r, 99, kMemory).empty());
}

TEST(Recording, PastItsBoundItKeepsEverySecondSample) {
  Recording r({.max_samples = 1000});
  for (int i = 0; i < 3000; ++i) Put(r, Rss("a-0"), 15 * i, i);
  r.Seal();
  r.SetNow(Ns(1e9));
  const auto values = Values(r, 1, kMemory);
  EXPECT_LE(values.size(), 1001u);
  EXPECT_GE(values.size(), 400u);
  EXPECT_EQ(values.front(), 0);
  EXPECT_GT(values.back(), 2990);
  EXPECT_GT(r.thinnings(), 0);
}

TEST(Recording, AnyYearWillDo) {
  for (const int64_t begin_ms :
       {INT64_C(0), INT64_C(1'795'000'000'000), INT64_C(4'102'444'800'000)}) {
    Recording r({});
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(r.Add({Rss("a-0"), 1.0 * i, begin_ms + i * 15'000}), "");
    }
    r.Seal();
    EXPECT_EQ(r.first_ns(), begin_ms * kMs);
    EXPECT_EQ(r.last_ns(), (begin_ms + 30'000) * kMs);
  }
}

TEST(Recording, ALimitOfZeroIsNone) {
  Recording r({});
  Put(r, Rss("a-0"), 0, 5);
  const std::string limit =
      "container_spec_memory_limit_bytes{namespace=\"n\",pod=\"a-0\"}";
  Put(r, limit, 0, 0);
  Put(r, limit, 60, 9.2e18);
  r.Seal();
  r.SetNow(Ns(1e6));
  EXPECT_TRUE(Values(r, 1, {metric::kCgroupLimit, ""}).empty());
}

}  // namespace
}  // namespace plimsoll::collector
