#include "agent/workload/uwsgi_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace plimsoll::workload {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Of uWSGI 2.0.21, but shorter: worker 1 was started anew, 3 is not running.
constexpr char kStats[] = R"({
	"version":"2.0.21-debian", "pid":900, "workers":[
		{"id":1, "pid":911, "accepting":1, "requests":40, "delta_requests":3},
		{"id":2, "pid":912, "accepting":1, "requests":7},
		{"id":3, "pid":0, "requests":5},
		{"id":4, "pid":"x", "requests":5}, {"id":5, "pid":913}, 6,
		{"id":7, "pid":914, "requests":-1}]})";

TEST(UwsgiStatsTest, RequestsOfEachRunningWorker) {
  for (const std::string& head :
       {std::string(), std::string("HTTP/1.0 200 OK\r\nConnection: close\r\n"
                                   "Content-Type: application/json\r\n\r\n")}) {
    const auto workers = ParseUwsgiStats(head + kStats);
    ASSERT_TRUE(workers.ok()) << workers.status();
    ASSERT_EQ(workers->size(), 2u);
    EXPECT_EQ((*workers)[0].pid, 911);
    EXPECT_EQ((*workers)[0].requests, 3) << "of this process, not of its place";
    EXPECT_EQ((*workers)[1].pid, 912);
    EXPECT_EQ((*workers)[1].requests, 7);
  }
}

TEST(UwsgiStatsTest, OtherTextIsAnError) {
  for (const char* text :
       {"", "{}", "[]", "{\"workers\":{}}", "{\"workers\":[", "HTTP/1.1 200",
        "HTTP/1.0 404 Not Found\r\n\r\nno"}) {
    EXPECT_FALSE(ParseUwsgiStats(text).ok()) << text;
  }
  EXPECT_FALSE(ParseUwsgiStats(std::string(100'000, '[')).ok());
  EXPECT_TRUE(ParseUwsgiStats("{\"workers\":[]}")->empty());
}

TEST(UwsgiStatsTest, OptionsOfACommandLine) {
  UwsgiOptions options = ParseUwsgiArguments(
      {"uwsgi", "--master", "--stats", "127.0.0.1:1717", "--stats-http"});
  EXPECT_EQ(options.stats, "127.0.0.1:1717");
  EXPECT_TRUE(options.http);
  options = ParseUwsgiArguments(
      {"uwsgi", "--stats=/run/s.sock", "--ini", "a.ini", "b.ini"});
  EXPECT_EQ(options.stats, "/run/s.sock");
  EXPECT_FALSE(options.http);
  EXPECT_THAT(options.ini_files, ElementsAre("a.ini", "b.ini"));
  EXPECT_EQ(ParseUwsgiArguments({"uwsgi", "--stats"}).stats, "");
  EXPECT_EQ(ParseUwsgiArguments({"uwsgi", "--stats-server", "@x"}).stats, "@x");
  EXPECT_EQ(ParseUwsgiArguments({"--stats", "x"}).stats, "") << "its own name";
  EXPECT_EQ(ParseUwsgiArguments({}).stats, "");
  EXPECT_EQ(ParseUwsgiArguments(
                {"uwsgi", "a.ini", "b.ini", "c.ini", "d.ini", "e.ini"})
                .ini_files.size(),
            4u);
}

TEST(UwsgiStatsTest, OptionsOfAnIniFile) {
  const UwsgiOptions options = ParseUwsgiIni(
      "; a remark\n[other]\nstats = /no\n[uwsgi]\r\n# stats = /no\n"
      "  stats =  /run/app/stats.sock \r\nstats-http = true\nini = /etc/x\n"
      "stats = /second\n[uwsgi:other]\nstats = /no\n");
  EXPECT_EQ(options.stats, "/run/app/stats.sock");
  EXPECT_TRUE(options.http);
  EXPECT_THAT(options.ini_files, IsEmpty());
  EXPECT_FALSE(ParseUwsgiIni("[uwsgi]\nstats-http = false\n").http);
  EXPECT_EQ(ParseUwsgiIni("stats = /no section").stats, "");
}

TEST(UwsgiStatsTest, Addresses) {
  using Kind = StatsAddress::Kind;
  auto address = ParseStatsAddress("127.0.0.1:1717");
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->kind, Kind::kPort);
  EXPECT_EQ(address->port, 1717);
  EXPECT_EQ(ParseStatsAddress(":9191")->port, 9191);
  address = ParseStatsAddress("/run/a.sock");
  EXPECT_EQ(address->kind, Kind::kPath);
  EXPECT_EQ(address->path, "/run/a.sock");
  address = ParseStatsAddress("@app");
  EXPECT_EQ(address->kind, Kind::kAbstract);
  EXPECT_EQ(address->path, "app");
  for (const char* bad : {"", "x:", "x:0", "x:70000", "x:1y"}) {
    EXPECT_FALSE(ParseStatsAddress(bad).ok()) << bad;
  }
  EXPECT_FALSE(ParseStatsAddress(std::string(200, 'x')).ok());
  for (const char* filled : {"/run/%n.sock", "/run/$(HOME).sock"}) {
    EXPECT_THAT(std::string(ParseStatsAddress(filled).status().message()),
                HasSubstr("name it by a rule"));
  }
}

}  // namespace
}  // namespace plimsoll::workload
