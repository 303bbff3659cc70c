// Every answer of /api/v1 over a small made-up fleet, held against openapi.json
// and against what was put in.
#include "collector/http/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/api_answers.h"
#include "tests/unit/collector/core/fakes.h"

namespace plimsoll::collector::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using plimsoll::testing::ExpectAsDocumented;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'700'000'000 * kSecond;
constexpr double kMiB = 1 << 20;

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

constexpr char kW[] = "workload=prod/routing/Deployment/routing-api";

TEST_F(ApiTest, EveryAnswerIsAsTheDocumentSaysAndEveryPathIsAsked) {
  losses_.Count(PLIMSOLL_DROP_DUPLICATE, 2);
  const std::string w = kW;
  const std::vector<std::pair<std::string, std::string>> targets = {
      {"/api/v1/openapi.json", "/api/v1/openapi.json"},
      {"/api/v1/board", "/api/v1/board"},
      {"/api/v1/workloads", "/api/v1/workloads"},
      {"/api/v1/workload", "/api/v1/workload?" + w},
      {"/api/v1/processes", "/api/v1/processes?all=1"},
      {"/api/v1/processes/{key}", "/api/v1/processes/1"},
      {"/api/v1/processes/{key}/series", "/api/v1/processes/1/series"},
      {"/api/v1/processes/{key}/series",
       "/api/v1/processes/1/series?metric=anon_bytes"},
      {"/api/v1/processes/{key}/stacks", "/api/v1/processes/1/stacks"},
      {"/api/v1/types", "/api/v1/types?" + w},
      {"/api/v1/types", "/api/v1/types?process=1&for=1h"},
      {"/api/v1/stacks", "/api/v1/stacks?" + w},
      {"/api/v1/attributes", "/api/v1/attributes?workload=routing-api"},
      {"/api/v1/attributes", "/api/v1/attributes?process=1"},
      {"/api/v1/compare", "/api/v1/compare?a=ap&b=eu&" + w},
      {"/api/v1/compare", "/api/v1/compare?a=now&b=2h&" + w},
      {"/api/v1/incidents", "/api/v1/incidents"},
      {"/api/v1/incidents/{id}", "/api/v1/incidents/i1"},
      {"/api/v1/coverage", "/api/v1/coverage"},
      {"/api/v1/nodes", "/api/v1/nodes"}};
  std::set<std::string> asked;
  for (const auto& [path, target] : targets) {
    const Response response = Get(target);
    EXPECT_EQ(response.status, 200) << target << " " << response.body;
    ExpectAsDocumented(path, response);
    asked.insert(path);
  }
  const Json document = Json::parse(OpenApi());
  for (const auto& [path, what] : document["paths"].items()) {
    EXPECT_TRUE(asked.contains(path)) << path << " is not asked here";
  }
  // With nothing open, and errors, too.
  incidents_.clear();
  ExpectAsDocumented("/api/v1/attributes", Get("/api/v1/attributes?" + w));
  ExpectAsDocumented("/api/v1/board", Get("/api/v1/board"));
  for (const char* wrong :
       {"/api/v1/compare", "/api/v1/types", "/api/v1/workload"}) {
    const Response response = Get(std::string(wrong) + "?workload=none");
    EXPECT_EQ(response.status, 404);
    ExpectAsDocumented(wrong, response);
  }
}

TEST_F(ApiTest, AnOldLinkOfAPageLeadsOn) {
  for (const char* old :
       {"/incidents/gone", "/processes/99", "/processes/x", "/no/such"}) {
    const Response response = Get(old);
    EXPECT_EQ(response.status, 404) << old;
    EXPECT_THAT(response.content_type, HasSubstr("text/html")) << old;
    EXPECT_THAT(response.body, HasSubstr("<a href=\"/\">Fleet</a>")) << old;
  }
  EXPECT_EQ(Get("/api/v1/incidents/gone").content_type, "application/json");
}

TEST_F(ApiTest, PagesLeaveNoTableWithoutAWord) {
  fleet_.processes.clear();
  board_.agents = false;
  incidents_[0].processes.clear();
  const std::string page = Get("/").body;
  EXPECT_THAT(page, HasSubstr("None: no agent tells of one that is alive."));
  EXPECT_THAT(page, HasSubstr("No agent has connected"));
  EXPECT_THAT(page, Not(HasSubstr("<tbody></tbody>")));
  const std::string incident = Get("/incidents/i1").body;
  EXPECT_THAT(incident, HasSubstr("None is known any more."));
  EXPECT_THAT(incident, Not(HasSubstr("<tbody></tbody>")));
}

TEST_F(ApiTest, RequestSourcesAreShownWhereNobodyIsPagedToo) {
  notifiers_.clear();
  EXPECT_THAT(Get("/").body,
              HasSubstr("Requests from prometheus http://p:9090: 12 counts"));
}

TEST_F(ApiTest, PeopleAreShownPidsAndNamesNotKeys) {
  incidents_[0].processes[0].pid = 101;
  EXPECT_THAT(Get("/incidents/i1").body,
              HasSubstr("<a href=\"/processes/1\">101</a></td><td>window"));
  EXPECT_THAT(Get("/processes/1").body,
              HasSubstr("routing-api (prod/routing/Deployment)"));
}

TEST_F(ApiTest, WhatWasNotFollowedIsToldWithItsReason) {
  const Json answer = GetJson("/api/v1/stacks?process=1");
  EXPECT_EQ(answer["stacks"].size(), 1u);
  ASSERT_EQ(answer["refusals"].size(), 1u);
  EXPECT_EQ(answer["refusals"][0]["kind"], "birth");
  EXPECT_EQ(answer["refusals"][0]["reason"],
            "births of m.T were not followed: <no register>");
  EXPECT_THAT(Get("/processes/1").body,
              HasSubstr("birth: births of m.T were not followed: &lt;no"));
}

TEST_F(ApiTest, RegionsThatDifferByTrafficAreNotCalledWorse) {
  const Json c = GetJson(std::string("/api/v1/compare?a=ap&b=eu&") + kW);
  EXPECT_NEAR(c["ratio"]["value"].get<double>(), 3, 0.05);
  EXPECT_NEAR(c["ratio_per_request"]["value"].get<double>(), 1, 0.02);
  EXPECT_EQ(c["attributes"], "city=singapore") << "of the open incident";
  EXPECT_THAT(c["words"].get<std::string>(),
              HasSubstr("the traffic differs, not the code"));
  EXPECT_EQ(c["a"]["processes"], 2);
  EXPECT_NEAR(c["a"]["bytes_per_request"]["value"].get<double>(), 2 * kMiB,
              0.05 * kMiB);
  ASSERT_FALSE(c["types"].empty());
  EXPECT_EQ(c["types"][0]["type"], "routing.Vehicle");
  EXPECT_NEAR(c["types"][0]["a_bytes_per_h"].get<double>(), 720 * kMiB, kMiB);
  EXPECT_NEAR(c["types"][0]["b_bytes_per_h"].get<double>(), 240 * kMiB, kMiB);
}

TEST_F(ApiTest, RegionsThatDifferByCodeAre) {
  const Json c = GetJson(std::string("/api/v1/compare?a=ap&b=eu&attributes="
                                     "city%3Dparis&") +
                         kW);
  EXPECT_NEAR(c["ratio_per_request"]["value"].get<double>(), 3, 0.05);
  EXPECT_THAT(c["words"].get<std::string>(),
              HasSubstr("the code or its data differ"));
}

TEST_F(ApiTest, AServiceInTwoClustersIsComparedByRegionOrCluster) {
  for (const ProcessKey key : {3, 4}) {
    fleet_.processes[key].workload.cluster = "prod-eu";
  }
  for (const char* sides : {"a=ap&b=eu", "a=cluster%3Dprod&b=cluster%3Dprod-eu",
                            "a=region%3Dap&b=cluster%3Dprod-eu"}) {
    const Json c =
        GetJson("/api/v1/compare?workload=routing-api&" + std::string(sides));
    EXPECT_EQ(c["workload"], "*/routing/Deployment/routing-api");
    EXPECT_NEAR(c["ratio"]["value"].get<double>(), 3, 0.05);
    EXPECT_EQ(c["attributes"], "city=singapore") << "of the open incident";
    EXPECT_EQ(c["a"]["processes"], 2);
    EXPECT_EQ(c["b"]["processes"], 2);
  }
  // A whole name is one cluster's.
  const Response one = Get(std::string("/api/v1/compare?a=ap&b=eu&") + kW);
  EXPECT_EQ(one.status, 400);
  EXPECT_THAT(one.body, HasSubstr("regions: ap"));
  EXPECT_THAT(Get("/api/v1/types?workload=routing-api").body,
              HasSubstr("is one of several"));
}

TEST_F(ApiTest, SidesAreTimesRegionsAndVersions) {
  const std::string w = std::string("&") + kW;
  const Json versions =
      GetJson("/api/v1/compare?a=version%3D1.4,region%3Deu&b=1.5" + w);
  EXPECT_EQ(versions["a"]["processes"], 1);
  EXPECT_EQ(versions["b"]["processes"], 1);
  const Json times = GetJson("/api/v1/compare?a=now&b=30m&for=20m" + w);
  EXPECT_EQ(times["b"]["to_unix_s"], 1'700'000'000 - 1800);
  EXPECT_EQ(times["b"]["from_unix_s"], 1'700'000'000 - 3000);
  EXPECT_NEAR(times["ratio"]["value"].get<double>(), 1, 0.05);
  EXPECT_THAT(times["words"].get<std::string>(),
              HasSubstr("no difference is shown"));
  const Response wrong = Get("/api/v1/compare?a=us&b=eu" + w);
  EXPECT_EQ(wrong.status, 400);
  EXPECT_THAT(wrong.body, HasSubstr("regions: ap, eu"));
  EXPECT_THAT(Get("/api/v1/compare?a=now&b=5" + w).body,
              HasSubstr("is no time"));
  EXPECT_THAT(
      GetJson("/api/v1/compare?a=now&b=9d" + w)["words"].get<std::string>(),
      HasSubstr("9d: no process was seen there and then"));
}

// Found with OpenTelemetry's SDK: a city that came later lost what it had been
// served before it was first looked at.
TEST_F(ApiTest, AttributesThatComeLaterBeganAtZero) {
  fleet_.Put(1, {metric::kRequests, "city=lima"}, kNow - 60 * kSecond, 30);
  fleet_.Put(1, {metric::kRequests, "city=lima"}, kNow - 45 * kSecond, 42);
  const Json requests = GetJson(std::string("/api/v1/attributes?for=1h&") + kW);
  for (const Json& row : requests["attributes"]) {
    if (row["attributes"] != "city=lima") continue;
    EXPECT_EQ(row["requests"].get<double>(), 42);
    return;
  }
  FAIL() << requests.dump();
}

TEST_F(ApiTest, TypesAndAttributesAddUp) {
  const Json types =
      GetJson(std::string("/api/v1/types?for=10m&") + kW)["types"];
  EXPECT_EQ(types[0]["type"], "routing.Vehicle");
  EXPECT_NEAR(types[0]["bytes_delta"].get<double>(), 320 * kMiB, 20 * kMiB);
  EXPECT_EQ(types[1]["objects"], 200);
  EXPECT_EQ(types[1]["objects_delta"], 0);
  const Json requests = GetJson(std::string("/api/v1/attributes?for=1h&") + kW);
  EXPECT_EQ(requests["attributes"][0]["attributes"], "city=paris");
  EXPECT_NEAR(requests["requests"].get<double>(), 4 * 3600 + 16 * 60, 100);
  EXPECT_EQ(requests["leak"]["causes"][0]["attributes"], "city=singapore");
}

// Before anything leaks: whose growth would take its node with it.
TEST_F(ApiTest, WhatHasNoMemoryLimitIsCounted) {
  for (const ProcessKey key : {1, 2, 3}) {
    fleet_.Put(key, {metric::kCgroupCurrent, ""}, kNow - kSecond, 2e8);
  }
  fleet_.Put(1, {metric::kCgroupLimit, ""}, kNow - kSecond, 5e8);
  for (const char* path : {"/api/v1/board", "/api/v1/workloads"}) {
    EXPECT_EQ(GetJson(path)["workloads"][0]["no_limit"], 2) << path;
  }
  EXPECT_EQ(GetJson(std::string("/api/v1/workload?") + kW)["no_limit"], 2);
}

TEST_F(ApiTest, TheBoardJoinsWorkloadsAndIncidents) {
  const Json board = GetJson("/api/v1/board");
  EXPECT_EQ(board["totals"]["pages_firing"], 1);
  EXPECT_EQ(board["totals"]["incidents_silenced"], 1);
  EXPECT_EQ(board["workloads"][0]["incident"]["id"], "i1");
  EXPECT_EQ(board["workloads"][0]["incident"]["oom_in_s"][0], 600);
  EXPECT_TRUE(board["workloads"][0]["incident"]["oom_in_s"][1].is_null());
  EXPECT_EQ(board["workloads"][0]["no_limit"], 0) << "in no cgroup: not known";
  fleet_.processes.clear();
  EXPECT_EQ(GetJson("/api/v1/board")["other_incidents"].size(), 1u);
}

TEST_F(ApiTest, AWorkloadHasTheVerdictOfItsIncidentOrOfTheJudgement) {
  const WorkloadName name = fleet_.processes[1].workload;
  const auto row = [this] {
    const Json body = Json::parse(Get("/api/v1/workloads").body);
    const Json& first = body["workloads"][0];
    return first["verdict"].get<std::string>() + ": " +
           first["verdict_why"].get<std::string>();
  };
  shown_[name] = {Verdict::kWarmUp, "it bends down"};
  EXPECT_EQ(row(), "python-object: incident i1");
  incidents_[0].state = IncidentState::kPending;
  EXPECT_EQ(row(), "unknown: incident i1: not sure yet");
  incidents_[0].state = IncidentState::kResolved;
  EXPECT_EQ(row(), "warm-up: it bends down");
  EXPECT_THAT(Get("/").body, HasSubstr("warm-up (it bends down)"));
  shown_.clear();
  EXPECT_EQ(row(), "unknown: not judged yet");
}

}  // namespace
}  // namespace plimsoll::collector::http
