#include "collector/core/page/page_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/core/incident/incident_json.h"
#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;

constexpr double kMinute = 60;

Estimate Rate(double value, double lo, double hi) {
  return {value * kMiB / kMinute, lo * kMiB / kMinute, hi * kMiB / kMinute};
}

AffectedProcess Pod(ProcessKey key, const std::string& pod,
                    const std::string& region, bool leaking, double rate) {
  AffectedProcess p;
  p.process = key;
  p.pid = static_cast<int32_t>(100 + key);
  p.pod = pod;
  p.node = "node-7";
  p.region = region;
  p.version = leaking ? "2018.09.01-3" : "2018.08.30-1";
  p.leaking = leaking;
  p.bytes_per_s = Rate(rate, rate - 0.7, rate + 0.7);
  return p;
}

// Two regions, one of which has more of the requests that leak.
void AddTrafficAndRegions(Incident& i) {
  TrafficCause cause;
  cause.attributes = "city=singapore,outcome=exception";
  cause.bytes_per_request = {1.6 * kMiB, 1.5 * kMiB, 1.8 * kMiB};
  cause.share = 0.84;
  cause.vif = 3.1;
  cause.requests_per_s = 6.5 / kMinute;
  i.traffic.causes = {cause};
  i.traffic.unexplained_share = 0.16;
  i.traffic.looks = 80;
  RegionGrowth worst{"ap-southeast-1", "", 2, 2, Rate(12.4, 11.6, 13.1), {}};
  worst.bytes_per_request = Estimate{1.6 * kMiB, 1.5 * kMiB, 1.8 * kMiB};
  RegionGrowth other{"eu-west-3", "", 1, 1, Rate(4.0, 3.3, 4.7), {}};
  other.bytes_per_request = Estimate{1.6 * kMiB, 1.3 * kMiB, 1.9 * kMiB};
  i.regions = {worst, other};
  i.regions_compared =
      GroupComparison{.one = "ap-southeast-1",
                      .other = "eu-west-3",
                      .in_all = {3.1, 2.6, 3.8},
                      .at_equal_mix = Estimate{1.0, 0.9, 1.2},
                      .mix = 3.1,
                      .bytes_per_request_one = worst.bytes_per_request,
                      .bytes_per_request_other = other.bytes_per_request,
                      .worse_here = false,
                      .not_told = ""};
}

// All that can be known, as in the design's sample page.
Incident Full() {
  Incident i;
  i.id = "0ddf219bc58d241f";
  i.workload = {"prod", "routing", "Deployment", "routing-api"};
  i.cause = Verdict::kPythonObject;
  i.state = IncidentState::kFiring;
  i.rule = "imminent";
  i.opened_ns = kStartNs;
  i.fired_ns = kStartNs + 45'000'000'000;
  i.evidence_requested_ns = kStartNs;
  i.window_s = 300;
  i.bytes_per_s = Rate(12.4, 11.6, 13.1);
  i.time_to_limit = TimeToLimit{43 * kMinute, 52 * kMinute};
  i.processes = {Pod(1, "routing-api-7d9f-x2x1q", "ap-southeast-1", true, 12.6),
                 Pod(2, "routing-api-7d9f-k2k2k", "ap-southeast-1", true, 12.2),
                 Pod(3, "routing-api-7d9f-p3p3p", "eu-west-3", false, 4.0)};
  i.workload_processes = 12;
  i.workload_instances = 12;
  i.leaking_processes = i.leaking_instances = 2;
  i.instance_kind = "pod";
  GrowingType type;
  type.type = "routing.vehicles.FloatingVehicle";
  type.objects_per_s = {65000 / kMinute, 60000 / kMinute, 70000 / kMinute};
  type.bytes_per_s = Rate(10.4, 10, 11);
  type.share = 0.84;
  type.rolled_up = {"1 dict"};
  i.types = {type};
  i.shares = {0.9, 0.02, 0.08};
  StackEvidence stack;
  stack.kind = "window";
  stack.type = type.type;
  stack.share = 0.97;
  stack.window_ns = 2'000'000'000;
  stack.frames = {{"load", "/srv/routing/vehicles.py", "", 118, false},
                  {"candidates", "/srv/routing/plan.py", "", 31, false},
                  {"route", "/srv/app.py", "", 44, false}};
  i.stacks = {stack};
  i.census_coverage = 0.994;
  i.typed_share = 0.979;
  AddTrafficAndRegions(i);
  return i;
}

TEST(PageText, WhyNothingWasFollowedIsSaid) {
  Incident i = Full();
  i.follow_problem =
      "births of m.T were not followed: no debug register is free";
  EXPECT_THAT(WritePage(i, "").made_at,
              HasSubstr("(not followed to what survives; births of m.T were "
                        "not followed: no debug register is free)"));
  i.stacks.clear();
  i.evidence_requested_ns = 1;
  i.requests = {{1, "open_window", "done", "", 1, 2}};
  EXPECT_THAT(WritePage(i, "").made_at,
              HasSubstr("allocated in it; births of m.T were not followed"));
}

TEST(PageText, AShareOfAllocationsSaysOfWhatAlsoWithoutAType) {
  Incident i = Full();
  i.stacks[0].type = "";
  EXPECT_THAT(WritePage(i, "").made_at,
              HasSubstr("97.0 % of all allocations in a 2 s window"));
}

TEST(PageText, SaysEverythingThatIsKnown) {
  EXPECT_EQ(
      WritePage(Full(), "http://c:7070").ToString(),
      "routing-api leaks 12.4 MiB/min per pod in ap-southeast-1 (95 % CI "
      "11.6-13.1); "
      "OOM in 43-52 min on 2 of 12 pods\n"
      "what      routing.vehicles.FloatingVehicle +65,000/min, 84 % of growth "
      "with 1 dict each: live Python objects (not native, not fragmentation)\n"
      "held by   not known yet: references were not followed (no heap graph "
      "taken)\n"
      "made at   routing/vehicles.py:118 load <- routing/plan.py:31 candidates "
      "<- srv/app.py:44 route; 97.0 % of routing.vehicles.FloatingVehicle "
      "allocations in a 2 s window (not followed to what survives)\n"
      "kept at   not known yet: the growing container was not watched for "
      "stores\n"
      "traffic   1.6 MiB per request with city=singapore, outcome=exception "
      "(CI 1.5-1.8) x 6.5/min, 84 % of the leak; 16 % not explained by the "
      "attributes\n"
      "where     ap-southeast-1: 3.1x eu-west-3 in all, 1.0x per such request "
      "(0.90x to 1.2x): the mix differs, not the code; version 2018.09.01-3 "
      "and not "
      "2018.08.30-1\n"
      "do now    kubectl -n routing label pod routing-api-7d9f-x2x1q app- "
      "(takes it out of service and keeps it for a look); evidence saved: "
      "http://c:7070/incidents/0ddf219bc58d241f\n"
      "trust     census coverage 99.4 %, typed 97.9 %, slope over the last 5 "
      "min, separable "
      "(VIF 3.1), rule: imminent (predicted, held at two looks)\n");
}

TEST(PageText, TheMixIsBlamedOnlyWhereTheIntervalAllowsIt) {
  Incident i = Full();
  i.regions_compared->at_equal_mix = Estimate{1, 0.3, 3.4};
  EXPECT_THAT(WritePage(i, "").where,
              HasSubstr("1.0x per such request (0.30x to 3.4x): too few to "
                        "tell the mix from the code"));
}

TEST(PageText, WhatAllRequestsHaveIsSaidWhereAnyRequestLeaks) {
  Incident i = Full();
  i.traffic.causes[0].attributes = "";
  i.traffic.causes[0].all_have = {"endpoint=recipe", "status=200"};
  EXPECT_EQ(WritePage(i, "").traffic.substr(0, 57),
            "1.6 MiB per request, all with endpoint=recipe, status=200");
}

TEST(PageText, ARegionThatGrowsButIsNotJudgedIsNotCalledHealthy) {
  Incident i = Full();
  i.regions[1].leaking = 0;
  EXPECT_THAT(WritePage(i, "http://c:7070").ToString(),
              HasSubstr("ap-southeast-1 leaks; eu-west-3 grows too, but is not "
                        "judged a leak yet (4.0 MiB/min (95 % CI 3.3-4.7))"));
  i.regions[1].bytes_per_s = Rate(0.1, -0.4, 0.6);
  EXPECT_THAT(WritePage(i, "http://c:7070").ToString(),
              HasSubstr("only ap-southeast-1 leaks, eu-west-3 does not ("));
}

TEST(PageText, BirthsThatWereFollowedAreSaidToHaveStayed) {
  Incident i = Full();
  i.stacks[0].kind = "birth";
  EXPECT_EQ(WritePage(i, "").made_at,
            "routing/vehicles.py:118 load <- routing/plan.py:31 candidates <- "
            "srv/app.py:44 route; 97.0 % of routing.vehicles.FloatingVehicle "
            "births that stayed");
  i.stacks[0].samples = 96;
  i.stacks[0].share_low = 0.912;
  i.stacks[0].share_high = 0.9893;
  EXPECT_THAT(WritePage(i, "").made_at,
              HasSubstr("births that stayed (CI 91-99 %, 96 samples)"));
}

// Orders' cursors leaked, and the page named the line of a router's cells, 3 %
// of the growth: these were first when the window was asked for.
TEST(PageText, ALineOfAnotherTypeIsNotGivenForTheLeaks) {
  Incident i = Full();
  GrowingType cell;
  cell.type = "cell";
  cell.share = 0.03;
  i.types.push_back(cell);
  i.stacks[0].type = "cell";
  i.stacks[0].kind = "birth";
  EXPECT_THAT(WritePage(i, "").made_at,
              ::testing::StartsWith(
                  "not known yet for routing.vehicles.FloatingVehicle; of "
                  "cell, which grows too: routing/vehicles.py:118 load"));
  i.types.back().share = 0.4;
  EXPECT_THAT(WritePage(i, "").made_at,
              ::testing::StartsWith("routing/vehicles.py:118 load"));
}

TEST(PageText, NativeGrowthNamesTheExtensionAndThePythonThatCalledIt) {
  Incident i = Full();
  i.cause = Verdict::kNative;
  i.stacks[0].kind = "native";
  i.stacks[0].type = "";
  const Frame python = {"render", "/srv/app/thumbs.py", "", 6, false};
  i.stacks[0].frames = {
      {"thumbnail", "/src/ext/_leaks.c", "_leaks.so", 14, true}, python};
  EXPECT_EQ(WritePage(i, "").made_at,
            "ext/_leaks.c:14 thumbnail <- app/thumbs.py:6 render; 97.0 % of "
            "the bytes of malloc that stayed");
  i.stacks[0].frames = {{"thumbnail", "", "_leaks.so", 0, true}, python};
  EXPECT_THAT(
      WritePage(i, "").made_at,
      HasSubstr("_leaks.so thumbnail (its file has no line table) <- "));
  i.stacks[0].frames = {{"near init", "", "_leaks.so", 0, true}, python};
  EXPECT_THAT(WritePage(i, "").made_at,
              HasSubstr("_leaks.so near init (known to the module only) <- "));
}

TEST(PageText, SaysOfEveryLineWhyItIsNotKnownYet) {
  Incident i = Full();
  i.types.clear();
  i.shares = {};
  i.stacks.clear();
  i.census_coverage.reset();
  i.typed_share.reset();
  i.traffic = {};
  i.regions.clear();
  i.time_to_limit.reset();
  for (AffectedProcess& p : i.processes) p.pod.clear(), p.region.clear();
  i.instance_kind = "process";
  EXPECT_EQ(
      WritePage(i, "http://c:7070").ToString(),
      "routing-api leaks 12.4 MiB/min per process (95 % CI 11.6-13.1); no "
      "memory limit is "
      "set, so time to OOM is not known, on 2 of 12 processes\n"
      "what      not known yet: no type's objects rise in the censuses so far; "
      "live Python objects (how much is native is not known yet: no totals of "
      "Python's allocator)\n"
      "held by   not known yet: references were not followed (no heap graph "
      "taken)\n"
      "made at   not known yet: a window was asked for, its stacks have not "
      "come so far\n"
      "kept at   not known yet: the growing container was not watched for "
      "stores\n"
      "traffic   not known yet: no request counts\n"
      "where     not known yet: no region of this workload has a slope\n"
      "do now    take pid 101 on node-7 out of service rather than restart it, "
      "and look: plimsoll stacks 101 --for 10s; set a memory limit: without "
      "one its node dies, not it alone; evidence saved: "
      "http://c:7070/incidents/0ddf219bc58d241f\n"
      "trust     census coverage not known, slope over the last 5 min, rule: "
      "imminent (predicted, held at two looks)\n");
}

TEST(PageText, SharesAreSaidWhenTheCauseIsNotOne) {
  Incident i = Full();
  i.cause = Verdict::kMixed;
  i.shares = {0.5, 0.1, 0.4};
  EXPECT_NE(WritePage(i, "").what.find(
                "cause: mixed (of the growth: 50 % live Python, 40 % outside "
                "its allocator, 10 % free in it)"),
            std::string::npos);
  i.shares.python_ci = {0.44, 0.557};
  i.shares.free_ci = {-0.02, 0.2};
  EXPECT_NE(WritePage(i, "").what.find(
                "cause: mixed (of the growth: 50 % (CI 44-56) live Python, "
                "40 % outside its allocator, 10 % (CI 0-20) free in it)"),
            std::string::npos);
}

TEST(FrameChain, NamesTheFirstFrameOfTheApplication) {
  const std::vector<Frame> frames = {
      {"_set", "/usr/lib/python3.11/multiprocessing/pool.py", "", 861, false},
      {"put", "/usr/lib/python3.11/queue.py", "", 10, false},
      {"load", "/srv/app/routing/vehicles.py", "", 118, false},
      {"worker", "/usr/lib/python3.11/multiprocessing/pool.py", "", 125, false},
      {"run", "/usr/lib/python3.11/threading.py", "", 975, false},
      {"main", "/srv/app/main.py", "", 3, false}};
  EXPECT_EQ(
      FrameChain(frames),
      "routing/vehicles.py:118 load <- multiprocessing/pool.py:125 worker "
      "<- app/main.py:3 main (inside it: multiprocessing/pool.py:861 "
      "_set)");
}

TEST(FrameChain, ShowsTheLibraryWhenThereIsNothingElse) {
  EXPECT_EQ(FrameChain({{"dumps", "/x/lib/python3.9/site-packages/orjson/a.py",
                         "", 5, false}}),
            "orjson/a.py:5 dumps");
  EXPECT_EQ(FrameChain({}), "not known: the stack is empty");
}

TEST(Notification, LabelsAreTheIdentityAndNumbersAreNotInThem) {
  Incident i = Full();
  i.text = WritePage(i, "http://c:7070");
  const Notification n = NotificationOf(i, {"http://c:7070", ""});
  const std::map<std::string, std::string> labels = {
      {"alertname", "PlimsollMemoryLeak"},
      {"severity", "page"},
      {"workload", "routing-api"},
      {"kind", "Deployment"},
      {"namespace", "routing"},
      {"cluster", "prod"},
      {"cause", "python-object"}};
  EXPECT_EQ(n.labels, labels);
  i.bytes_per_s.value *= 2;
  i.workload.cluster.clear();
  Notification other = NotificationOf(i, {"http://c:7070", ""});
  EXPECT_FALSE(other.labels.contains("cluster")) << "no empty label";
  other.labels["cluster"] = "prod";
  EXPECT_EQ(other.labels, labels);
  EXPECT_EQ(n.annotations.at("region"), "ap-southeast-1");
  EXPECT_EQ(n.annotations.at("version"), "2018.09.01-3");
}

TEST(Notification, TheRunbookIsTheTeamsOwnAndTheOwnerALabel) {
  Incident i = Full();
  i.owner = "team/a b";
  const Notification n = NotificationOf(
      i,
      {"http://c:7070", "https://w/{workload}/{owner}?c={cause}#{workload}"});
  EXPECT_EQ(n.annotations.at("runbook_url"),
            "https://w/routing-api/team%2Fa%20b?c=python-object#routing-api");
  EXPECT_EQ(n.labels.at("owner"), "team/a b");
  EXPECT_EQ(
      NotificationOf(i, {"http://c:7070", ""}).annotations.at("runbook_url"),
      "http://c:7070/runbook");
}

TEST(IncidentJson, ComesBackAsItWas) {
  Incident i = Full();
  i.owner = "ana";
  i.silence = Silence{"s", "ana", "why", 5};
  i.told = {{"slack /f", "page", 7}};
  i.text = WritePage(i, "http://c:7070");
  i.processes[2].bytes_per_s = {};  // infinite bounds
  const auto back = DecodeIncident(EncodeIncident(i));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(EncodeIncident(*back), EncodeIncident(i));
  EXPECT_EQ(back->text, i.text);
  EXPECT_EQ(back->processes, i.processes);
  EXPECT_EQ(back->types, i.types);
  EXPECT_EQ(back->traffic, i.traffic);
  EXPECT_EQ(back->regions, i.regions);
  EXPECT_EQ(back->silence, i.silence);
  EXPECT_EQ(back->told, i.told);
  EXPECT_EQ(back->state, IncidentState::kFiring);
  EXPECT_EQ(back->workload, i.workload);
}

TEST(IncidentJson, RefusesWhatIsNoIncident) {
  for (const char* text :
       {"", "{", "[]", "null", "{}", R"({"id":"a"})",
        R"({"id":1,"workload":{},"state":"firing","cause":"leak"})",
        R"({"id":"a","workload":[],"state":"firing","cause":"leak"})",
        (R"({"id":"a","workload":{"cluster":"","namespace":"","kind":"",)"
         R"("name":""},"state":"firing","cause":"leak","types":7})")}) {
    const auto incident = DecodeIncident(text);
    EXPECT_FALSE(incident.ok()) << text;
    EXPECT_EQ(incident.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// Found by the fuzzer: such a number was cast to int64_t, which is undefined.
TEST(IncidentJson, ANumberThatIsNoIntegerIsRefusedWhereOneIsMeant) {
  for (const char* field :
       {R"("opened_ns":1e300)", R"("opened_ns":1.5)",
        R"("workload_processes":-1e12)", R"("processes":[{"process":1e40}])"}) {
    const auto incident = DecodeIncident(
        std::string(
            R"({"id":"a","workload":{"cluster":"","namespace":"",)"
            R"("kind":"","name":""},"state":"firing","cause":"leak",)") +
        field + "}");
    EXPECT_EQ(incident.status().code(), absl::StatusCode::kInvalidArgument)
        << field;
  }
}

}  // namespace
}  // namespace plimsoll::collector
