#include "agent/core/window_balance.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

HeapCensus WithLive(int64_t live16, int64_t live32) {
  HeapCensus census;
  census.size_classes = {{16, 1, live16, 0}, {32, 1, live32, 0}};
  return census;
}

StackCount Count(ProbeKind probe, int32_t block_bytes, int64_t allocations,
                 int64_t frees) {
  StackCount count;
  count.probe = probe;
  count.block_bytes = block_bytes;
  count.allocations = allocations;
  count.frees = frees;
  return count;
}

TEST(WindowBalanceTest, AgreementKeepsNetCounts) {
  StackProfile profile;
  profile.counts = {Count(ProbeKind::kObjectMalloc, 16, 5000, 0),
                    Count(ProbeKind::kObjectFree, 16, 0, 4000),
                    Count(ProbeKind::kObjectMalloc, 32, 7, 0),
                    Count(ProbeKind::kTypeGenericAlloc, 32, 900, 0)};
  BalanceWindow(WithLive(100, 50), WithLive(1090, 60), true, {}, profile);
  EXPECT_FALSE(profile.net_counts_refused) << profile.refusal;
  ASSERT_EQ(profile.balance.size(), 2u);
  EXPECT_EQ(profile.balance[0].allocations, 5000);
  EXPECT_EQ(profile.balance[0].frees, 4000);
  EXPECT_EQ(profile.balance[0].census_change, 990);
  // Typed probes are not part of the balance.
  EXPECT_EQ(profile.balance[1].allocations, 7);
  EXPECT_GT(profile.coverage.share(), 0.98);
}

// The stripped build: inlined copies bypass the exported symbols.
TEST(WindowBalanceTest, DisagreementPastATenthRefuses) {
  StackProfile profile;
  profile.counts = {Count(ProbeKind::kObjectMalloc, 16, 80, 0),
                    Count(ProbeKind::kObjectFree, 16, 0, 3)};
  BalanceWindow(WithLive(100, 0), WithLive(1100, 0), true, {}, profile);
  EXPECT_TRUE(profile.net_counts_refused);
  EXPECT_NE(profile.refusal.find("16 bytes changed by 1000"), std::string::npos)
      << profile.refusal;
  EXPECT_NEAR(profile.coverage.share(), 0.077, 1e-9);
}

TEST(WindowBalanceTest, PhantomLeakRefuses) {
  StackProfile profile;
  profile.counts = {Count(ProbeKind::kObjectMalloc, 32, 9000, 100)};
  BalanceWindow(WithLive(0, 500), WithLive(0, 500), true, {}, profile);
  EXPECT_TRUE(profile.net_counts_refused);
}

TEST(WindowBalanceTest, WithoutFreesThereIsNoNetCount) {
  StackProfile profile;
  BalanceWindow(WithLive(0, 0), WithLive(0, 0), false, {}, profile);
  EXPECT_TRUE(profile.net_counts_refused);
  EXPECT_FALSE(profile.refusal.empty());
}

// Agreement between a census and counts with holes is chance.
TEST(WindowBalanceTest, LostUpdatesRefuseNetCountsWithTheReason) {
  for (const char* reason : {"map_full", "bad_record", "probe_budget"}) {
    StackProfile profile;
    profile.counts = {Count(ProbeKind::kObjectMalloc, 16, 1000, 0)};
    BalanceWindow(WithLive(0, 0), WithLive(1000, 0), true, {{reason, 3}},
                  profile);
    EXPECT_TRUE(profile.net_counts_refused) << reason;
    EXPECT_NE(profile.refusal.find(std::string(reason) + " 3"),
              std::string::npos)
        << profile.refusal;
    // The rows are shown all the same: they say how far off it is.
    EXPECT_EQ(profile.balance[0].census_change, 1000);
  }
}

TEST(WindowBalanceTest, LostStacksKeepTheCounts) {
  StackProfile profile;
  profile.counts = {Count(ProbeKind::kObjectMalloc, 16, 1000, 0)};
  BalanceWindow(WithLive(0, 0), WithLive(1000, 0), true,
                {{"walk_busy", 9}, {"no_thread_state", 4}, {"map_full", 0}},
                profile);
  EXPECT_FALSE(profile.net_counts_refused) << profile.refusal;
}

TEST(WindowBalanceTest, ABuildOffersFreesOnlyWithBothProbes) {
  PythonBuild build;
  build.probes.resize(1);
  build.probes[0].kind = ProbeKind::kObjectMalloc;
  EXPECT_FALSE(OffersFrees(build));
  build.probes.emplace_back().kind = ProbeKind::kObjectFree;
  EXPECT_TRUE(OffersFrees(build));
}

TEST(WindowBalanceTest, NamesTypesByAddress) {
  HeapCensus census;
  census.types = {{"routing.Vehicle", 0x1000, 1, 1}};
  StackProfile profile;
  profile.counts.resize(3);
  profile.counts[0].type_address = 0x1000;
  profile.counts[1].type_address = 0x2000;
  NameTypes(census, profile);
  EXPECT_EQ(profile.counts[0].type, "routing.Vehicle");
  EXPECT_EQ(profile.counts[1].type, "");
  EXPECT_EQ(profile.counts[2].type, "");
}

}  // namespace
}  // namespace plimsoll::core
