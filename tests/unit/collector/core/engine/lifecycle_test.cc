#include "collector/core/engine/lifecycle.h"

#include <gtest/gtest.h>

#include "tests/unit/collector/core/memory_shapes.h"

namespace plimsoll::collector {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Row {
  const char* name;
  IncidentState state;
  IncidentFacts facts;  // last_growing_ns relative to kStartNs
  int64_t now_s;
  Step step;
};

class Lifecycle : public ::testing::TestWithParam<Row> {};

TEST_P(Lifecycle, Decides) {
  const Row& row = GetParam();
  Incident incident;
  incident.state = row.state;
  incident.evidence_requested_ns = kStartNs;
  IncidentFacts facts = row.facts;
  facts.last_growing_ns += kStartNs;
  const Decision d = Decide(incident, facts, IncidentThresholds{},
                            kStartNs + row.now_s * kSecond);
  EXPECT_EQ(d.step, row.step) << row.name << ": " << d.reason;
  if (d.step == Step::kResolve || d.step == Step::kDrop) {
    EXPECT_FALSE(d.reason.empty());
  }
}

constexpr IncidentState kPending = IncidentState::kPending;
constexpr IncidentState kFiring = IncidentState::kFiring;

INSTANTIATE_TEST_SUITE_P(
    Table, Lifecycle,
    ::testing::Values(
        Row{"not confirmed",
            kPending,
            {.evidence_arrived = true},
            10,
            Step::kStay},
        Row{"confirmed, evidence awaited",
            kPending,
            {.confirmed = true, .evidence_possible = true},
            44,
            Step::kStay},
        Row{"confirmed, waited",
            kPending,
            {.confirmed = true, .evidence_possible = true},
            45,
            Step::kFire},
        Row{"confirmed, evidence there",
            kPending,
            {.confirmed = true,
             .evidence_arrived = true,
             .evidence_possible = true},
            5,
            Step::kFire},
        Row{"confirmed, none possible",
            kPending,
            {.confirmed = true},
            5,
            Step::kFire},
        Row{"killed while suspected",
            kPending,
            {.all_gone = true, .oom_killed = true},
            5,
            Step::kFire},
        Row{"ended while suspected",
            kPending,
            {.all_gone = true},
            5,
            Step::kDrop},
        Row{"growth ended", kPending, {.confirmed = false}, 91, Step::kDrop},
        Row{"grows on", kFiring, {}, 599, Step::kStay},
        Row{"quiet", kFiring, {}, 600, Step::kResolve},
        Row{"seen not to grow",
            kFiring,
            {.last_heard_ns = kStartNs + 600 * kSecond},
            600,
            Step::kResolve},
        // What is not heard of has not stopped growing.
        Row{"silent since it grew",
            kFiring,
            {.last_heard_ns = kStartNs + 20 * kSecond, .silent_s = 3000},
            3020,
            Step::kStay},
        Row{"silent for an hour",
            kFiring,
            {.last_heard_ns = kStartNs + 20 * kSecond, .silent_s = 3600},
            3620,
            Step::kResolve},
        // Our clock was set two days ahead: nothing is heard to be over.
        Row{"a jump of the clock",
            kFiring,
            {.last_heard_ns = kStartNs + 10 * kSecond, .silent_s = 10},
            172800,
            Step::kStay},
        Row{"just gone", kFiring, {.all_gone = true}, 60, Step::kStay},
        Row{"gone", kFiring, {.all_gone = true}, 90, Step::kResolve},
        Row{"resolved stays",
            IncidentState::kResolved,
            {.confirmed = true},
            5,
            Step::kStay}));

}  // namespace
}  // namespace plimsoll::collector
