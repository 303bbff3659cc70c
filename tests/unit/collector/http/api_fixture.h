// A small made-up fleet behind the API, whose answers are held against
// openapi.json.
#ifndef PLIMSOLL_TESTS_UNIT_COLLECTOR_HTTP_API_FIXTURE_H_
#define PLIMSOLL_TESTS_UNIT_COLLECTOR_HTTP_API_FIXTURE_H_

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "collector/http/api.h"
#include "tests/support/api_answers.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::collector::http {

using Json = nlohmann::json;
using plimsoll::testing::ExpectAsDocumented;

inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr int64_t kNow = 1'700'000'000 * kSecond;
inline constexpr double kMiB = 1 << 20;

class FakeBoard : public FleetBoard {
 public:
  absl::StatusOr<std::vector<AgentState>> Agents() const override {
    if (!agents) return std::vector<AgentState>();
    AgentState a{"agent-1", "node-1",           "0.1",
                 "6.18",    "uprobe_multi",     kNow,
                 4,         {{"ring_full", 9}}, {{"mem_available_bytes", 5e9}}};
    return std::vector<AgentState>{a};
  }
  absl::StatusOr<ProcessState> Process(ProcessKey process) const override {
    const auto at = fleet->processes.find(process);
    if (at == fleet->processes.end()) return absl::NotFoundError("no process");
    ProcessState state;
    state.info = at->second;
    state.tiers = {{"memory", true, "", "procfs"},
                   {"census", false, "not a Python that is known", ""}};
    state.latest = {{"memory", kNow, 0, R"({"rss_bytes":1})"},
                    {"census", kNow, 0, R"({"implausible_claims":9})"}};
    state.commands = {{7, "window", "done", "", kNow, kNow}};
    state.typed_share = 0.97;
    return state;
  }
  absl::StatusOr<std::vector<StoredDocument>> Evidence(ProcessKey,
                                                       const std::string& kind,
                                                       int64_t, int64_t,
                                                       int) const override {
    return std::vector<StoredDocument>{{kind, kNow, 2 * kSecond, "{}"}};
  }
  absl::StatusOr<std::vector<SeriesName>> AllSeries(ProcessKey) const override {
    return std::vector<SeriesName>{{metric::kAnon, ""}};
  }
  StoreFigures Figures() const override { return {}; }
  const FakeFleet* fleet = nullptr;
  bool agents = true;
};

// Two regions, two processes each: ap grows 12 MiB/min at 6 requests a minute,
// eu 4 MiB/min at 2: the same per request.
class ApiTest : public ::testing::Test {
 protected:
  ApiTest() {
    board_.fleet = &fleet_;
    Add(1, "ap", 12, 6);
    Add(2, "ap", 12, 6);
    Add(3, "eu", 4, 2);
    Add(4, "eu", 4, 2);
    Incident i;
    i.id = "i1";
    i.workload = fleet_.processes[1].workload;
    i.cause = Verdict::kPythonObject;
    i.state = IncidentState::kFiring;
    i.opened_ns = kNow - 600 * kSecond;
    i.owner = "team-routes";
    i.silence = Silence{"s", "ana", "known", kNow + kSecond};
    i.told = {{"slack /f", "page", kNow}};
    i.time_to_limit = TimeToLimit{600, std::numeric_limits<double>::infinity()};
    AffectedProcess p;
    p.process = 1;
    p.leaking = true;
    p.usage_bytes = 1e8;
    p.time_to_limit = i.time_to_limit;
    i.processes = {p, AffectedProcess{}};
    GrowingType type;
    type.type = "routing.Vehicle";
    type.rolled_up = {"1 dict"};
    i.types = {type};
    StackEvidence stack;
    stack.kind = "window";
    stack.frames = {{"load", "/srv/v.py", "", 118, false}};
    i.stacks = {stack};
    i.requests = {{1, "window", "", "", kNow, 0}};
    TrafficCause cause;
    cause.attributes = "city=singapore";
    cause.requests_per_s = 0.1;
    i.traffic.causes = {cause};
    i.regions = {{"ap", "", 2, 2, {}, Estimate{1, 0, 2}},
                 {"eu", "prod-eu", 2, 0, {}, {}}};
    incidents_ = {i};
    stack.time_ns = kNow - kSecond;
    StackEvidence refused;
    refused.kind = "birth";
    refused.time_ns = stack.time_ns;
    refused.refusal = "births of m.T were not followed: <no register>";
    fleet_.stacks[1] = {stack, refused};
  }

  void Add(ProcessKey key, const std::string& region, double mib_per_min,
           double requests_per_min) {
    ProcessInfo p;
    p.key = key;
    p.pid = static_cast<int32_t>(100 + key);
    p.workload = {"prod", "routing", "Deployment", "routing-api"};
    p.region = region;
    p.version = key == 4 ? "1.5" : "1.4";
    p.start_unix_ns = p.first_seen_ns = kNow - 3600 * kSecond;
    p.last_seen_ns = kNow;
    fleet_.processes[key] = p;
    for (int s = -3600; s <= 0; s += 10) {
      const int64_t t = kNow + s * kSecond;
      const double minutes = (s + 3600) / 60.0;
      const double jitter = (s / 10 + key) % 3;
      fleet_.Put(key, {metric::kAnon, ""}, t,
                 (100 + mib_per_min * minutes + jitter / 10) * kMiB);
      fleet_.Put(key, {metric::kRss, ""}, t, 2e8);
      fleet_.Put(key, {metric::kRequests, "city=singapore"}, t,
                 requests_per_min * minutes);
      fleet_.Put(key, {metric::kRequests, "city=paris"}, t, 60 * minutes);
      if (s % 30 != 0) continue;
      fleet_.Put(key, {metric::kTypeObjects, "routing.Vehicle"}, t,
                 1000 * mib_per_min * minutes);
      fleet_.Put(key, {metric::kTypeBytes, "routing.Vehicle"}, t,
                 mib_per_min * minutes * kMiB);
      fleet_.Put(key, {metric::kTypeObjects, "dict"}, t, 50);
      fleet_.Put(key, {metric::kTypeBytes, "dict"}, t, 5e6);
    }
  }

  Response Get(const std::string& target) {
    ApiPorts ports;
    ports.reader = &fleet_;
    ports.board = &board_;
    ports.losses = &losses_;
    ports.incidents = [this] { return incidents_; };
    ports.shown = [this] { return shown_; };
    ports.engine_counters = [] { return EngineCounters(); };
    ports.connected_agents = [] { return std::vector<std::string>{"agent-1"}; };
    ports.notifiers = [this] { return notifiers_; };
    ports.request_sources = [] {
      RequestSourceStatus source;
      source.source = "prometheus http://p:9090";
      source.series = 12;
      return std::vector<RequestSourceStatus>{source};
    };
    ports.silence_sources = [] {
      return std::vector<SilenceSourceStatus>{{"http://am", 3, 0, 1, 0, ""}};
    };
    ports.ready = [] { return absl::OkStatus(); };
    ports.now_ns = [] { return kNow; };
    ports.version = "test";
    Request request;
    request.method = "GET";
    EXPECT_TRUE(ParseTarget(target, &request)) << target;
    return Api(ports).Handle(request);
  }
  Json GetJson(const std::string& target) {
    return Json::parse(Get(target).body, nullptr, false);
  }

  FakeFleet fleet_;
  FakeBoard board_;
  LossCounter losses_;
  std::vector<Incident> incidents_;
  std::map<WorkloadName, ShownVerdict> shown_;
  std::vector<TargetStatus> notifiers_ = {{"slack /f", 1, 2, 0, "HTTP 500"}};
};

inline constexpr char kW[] = "workload=prod/routing/Deployment/routing-api";

}  // namespace plimsoll::collector::http

#endif  // PLIMSOLL_TESTS_UNIT_COLLECTOR_HTTP_API_FIXTURE_H_
