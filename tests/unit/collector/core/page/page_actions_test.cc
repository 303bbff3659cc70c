#include "collector/core/page/page_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/core/diagnosis/by_hand.h"

namespace plimsoll::collector {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr double kMiB = 1 << 20;

Incident Leak() {
  Incident i;
  i.workload = {"prod", "orders", "Deployment", "orders-api"};
  i.bytes_per_s = {10 * kMiB / 3600, 9 * kMiB / 3600, 11 * kMiB / 3600};
  i.time_to_limit = TimeToLimit{3 * 86400, 4 * 86400};
  AffectedProcess p;
  p.leaking = true;
  p.pid = 42;
  p.node = "node-7";
  p.pod = "orders-api-1";
  p.usage_bytes = 256 * kMiB;
  p.limit_bytes = 1024 * kMiB;
  i.processes = {p};
  TrafficCause cause;
  cause.attributes = "city=paris";
  cause.bytes_per_request = {1024, 900, 1100};
  cause.requests_per_s = 10 * 1024.0 / 3600;  // all of the leak
  cause.share = 1;
  i.traffic.causes = {cause};
  return i;
}

TEST(DoNow, APodIsTakenOutOfServiceAndKept) {
  EXPECT_EQ(DoNow(Leak(), "URL"),
            "kubectl -n orders label pod orders-api-1 app- (takes it out of "
            "service and keeps it for a look); evidence saved: URL");
}

TEST(DoNow, AJobHasNoTrafficToTakeAway) {
  Incident i = Leak();
  i.workload.kind = "CronJob";
  EXPECT_THAT(DoNow(i, "URL"), StartsWith("no traffic is routed to a job: "));
}

TEST(DoNow, WhatAPersonStartedIsAskedOfThem) {
  Incident i = Leak();
  i.processes[0].by_hand = "from a login session (session-3)";
  EXPECT_THAT(DoNow(i, "URL"),
              StartsWith("freeze pid 42 on node-7 (kill -STOP 42: it grows no "
                         "more and keeps its memory for a look), as it was "
                         "started by hand from a login session (session-3), "
                         "and look: plimsoll types 42"));
}

TEST(DoNow, WithoutALimitOneIsToBeSet) {
  Incident i = Leak();
  EXPECT_THAT(DoNow(i, "URL"), Not(HasSubstr("set a memory limit")));
  i.limit_of_node = true;
  EXPECT_THAT(DoNow(i, "URL"), HasSubstr("; set a memory limit: "));
}

TEST(LatentWords, ASlowLeakSaysHowManyRequestsAreLeft) {
  // 768 MiB at 1 KiB each; ten times the traffic is 100 MiB an hour.
  EXPECT_EQ(LatentWords(Leak()),
            "OOM after 786,432 more such requests, at ten times their traffic "
            "in 7.7 h");
}

TEST(LatentWords, AnAcuteOneAndOneWithoutRequestsSayNothing) {
  Incident i = Leak();
  i.time_to_limit = TimeToLimit{600, 900};
  EXPECT_EQ(LatentWords(i), "");
  i = Leak();
  i.traffic.causes.clear();
  EXPECT_EQ(LatentWords(i), "");
  i = Leak();
  i.processes[0].limit_bytes.reset();
  EXPECT_EQ(LatentWords(i), "");
}

TEST(StartedByHand, SessionsAndManagementCommands) {
  ProcessInfo p;
  p.cgroup = "/user.slice/user-1000.slice/session-3.scope";
  EXPECT_EQ(StartedByHand(p), "from a login session (session-3)");
  p.cgroup = "/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope";
  EXPECT_EQ(StartedByHand(p), "from a user's session (user@1000)");
  p.cgroup = "/system.slice/orders.service";
  EXPECT_EQ(StartedByHand(p), "");
  p.command = "python3 manage.py";
  EXPECT_EQ(StartedByHand(p), "as manage.py outside of any service");
  p.pod = "orders-1";
  p.workload.kind = "Deployment";
  EXPECT_EQ(StartedByHand(p),
            "as manage.py in a pod of a Deployment, as by kubectl exec");
  p.workload.kind = "CronJob";
  EXPECT_EQ(StartedByHand(p), "") << "a job is there to run it";
  p.workload.kind = "terminal";
  EXPECT_EQ(StartedByHand(p), "on a terminal");
  p.workload.kind = "exec";
  EXPECT_EQ(StartedByHand(p), "inside a running container");
  p.workload.kind = "CronJob";
  p.cgroup = "/session-.scope/session-3.scope.d";
  EXPECT_EQ(StartedByHand(p), "");
}

}  // namespace
}  // namespace plimsoll::collector
