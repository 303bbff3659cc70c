// Every answer of /api/v1 over a small made-up fleet, held against openapi.json
// and against what was put in.
#include "collector/http/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/collector/http/api_fixture.h"

namespace plimsoll::collector::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

// A native frame without a line had neither module nor anything else.
TEST_F(ApiTest, ARowOfNativeCodeSaysItsModuleAndHowCloselyItIsKnown) {
  StackEvidence native;
  native.kind = "native";
  native.objects = 1200;
  native.frames = {{"near init", "", "_leaks.so", 0, true},
                   {"", "", "libpool.so", 0, true},
                   {"render", "/srv/app/thumbs.py", "", 6, false}};
  native.time_ns = kNow - kSecond;
  fleet_.stacks[1].push_back(native);
  const Json rows = GetJson("/api/v1/stacks?process=1")["stacks"];
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["known_to"], "");
  EXPECT_EQ(rows[1]["known_to"], "module");
  EXPECT_EQ(rows[1]["frames"][1]["module"], "libpool.so");
  const std::string page = Get("/processes/1").body;
  EXPECT_THAT(page, HasSubstr("native memory</strong> 1,200 malloc blocks"));
  EXPECT_THAT(page, HasSubstr("; native code, known to the module"));
  EXPECT_THAT(page, HasSubstr("near init  _leaks.so\nlibpool.so\n"
                              "render  /srv/app/thumbs.py:6\n"));
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
