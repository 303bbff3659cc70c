// Sides that are compared, and the sums of types and attributes, over the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/collector/http/api_fixture.h"

namespace plimsoll::collector::http {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace plimsoll::collector::http
