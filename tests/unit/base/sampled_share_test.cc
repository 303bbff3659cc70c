#include "plimsoll/base/sampled_share.h"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

// 94 of 94: 95 % lower bound 0.9607 (Wilson, computed independently).
TEST(SampledShares, HaveWilsonsInterval) {
  const std::vector<SampledRow> rows = {{235, 94}, {0, 0}};
  const auto shares = SampledShares(rows);
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_DOUBLE_EQ(shares[0].share, 1);
  EXPECT_NEAR(shares[0].low, 0.9607, 1e-4);
  EXPECT_DOUBLE_EQ(shares[0].high, 1);
  EXPECT_DOUBLE_EQ(shares[1].share, 0);
  EXPECT_NEAR(shares[1].high, 0.0393, 1e-4);
}

TEST(SampledShares, UnequalWeightsWidenThem) {
  const std::vector<SampledRow> even = {{10, 10}, {10, 10}};
  // The same share, of two samples that stand for five times as much each.
  const std::vector<SampledRow> uneven = {{10, 2}, {10, 18}};
  const auto narrow = SampledShares(even), wide = SampledShares(uneven);
  EXPECT_NEAR(wide[0].share, 0.5, 1e-12);
  EXPECT_GT(wide[0].high - wide[0].low, 1.3 * (narrow[0].high - narrow[0].low));
}

TEST(SampledShares, WhereWeightsAreNotKnownEachSampleIsOne) {
  const std::vector<SampledRow> rows = {{0, 3}, {0, 1}};
  EXPECT_NEAR(SampledShares(rows)[0].share, 0.75, 1e-12);
}

TEST(SampledShares, NoSamplesSayNothing) {
  const std::vector<SampledRow> rows = {{5, 0}};
  EXPECT_DOUBLE_EQ(SampledShares(rows)[0].low, 0);
  EXPECT_DOUBLE_EQ(SampledShares(rows)[0].high, 1);
  EXPECT_TRUE(SampledShares({}).empty());
}

}  // namespace
}  // namespace plimsoll
