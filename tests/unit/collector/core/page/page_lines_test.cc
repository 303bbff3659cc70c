#include "collector/core/page/page_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::collector {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Incident OfState() {
  StateCause state;
  state.gauge = "vehicles";
  state.attributes = "city=singapore";
  state.bytes_per_unit = {2048, 1900, 2200};
  state.share = 0.6;
  state.from = 1000;
  state.to = 40000;
  Incident i;
  i.traffic.states = {state};
  i.traffic.unexplained_share = 0;
  i.traffic.looks = 80;
  return i;
}

TEST(TrafficLineTest, StateThatIsLargeIsNotCalledALeakOfRequests) {
  EXPECT_EQ(TrafficLine(OfState()),
            "no requests explain it: it goes with gauge vehicles with "
            "city=singapore, 2.0 KiB per unit (CI 1.9-2.1), 60 % of the "
            "growth, while that rose from 1,000 to 40,000: what it holds is "
            "large, which is no leak per request");
}

TEST(TrafficLineTest, StateIsToldBesideALeakOfRequests) {
  Incident i = OfState();
  TrafficCause cause;
  cause.attributes = "city=lima";
  cause.bytes_per_request = {2048, 1900, 2200};
  cause.share = 0.4;
  i.traffic.causes = {cause};
  i.traffic.states[0].inseparable_from = {"city=singapore,outcome=ok"};
  EXPECT_THAT(TrafficLine(i),
              StartsWith("2.0 KiB per request with city=lima (CI 1.9-2.1), "
                         "40 % of the leak; it goes with gauge vehicles"));
  EXPECT_THAT(TrafficLine(i),
              HasSubstr("; cannot be separated from city=singapore, "
                        "outcome=ok"));
}

// Not "two windows in a row": Confirmations asks for ten minutes to an hour.
TEST(TrustLineTest, TheFullJudgementIsSaidAsItIs) {
  Incident i;
  i.rule = "judgement";
  EXPECT_THAT(TrustLine(i),
              EndsWith("rule: full judgement, stood at each look for ten "
                       "minutes or more"));
}

}  // namespace
}  // namespace plimsoll::collector
