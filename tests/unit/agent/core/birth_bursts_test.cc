// What the birth watch makes of blocks that are written all the time.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "agent/core/birth_session.h"
#include "tests/unit/agent/core/birth_world.h"

namespace plimsoll::core {
namespace {

TEST_F(BirthSessionTest, AHotBlockIsGivenUp) {
  BirthSession& session = Make({.duration_ns = 2'000 * kMs,
                                .budget_ns = 100'000 * kHitNs,
                                .max_hits_per_sample = 500});
  Drive(world_, session, [this] {
    for (int i = 0; i < 600; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
    world_.Allocate(kType, kLeakCode);
  });
  EXPECT_GT(session.counts().hot, 0);
}

// 60,000 writes a second and one in 20,000 kept: in bursts, not at a stretch.
TEST_F(BirthSessionTest, AHotBlockIsLeftAloneBetweenBursts) {
  BirthSession& session =
      Make({.duration_ns = 30'000 * kMs, .budget_ns = 2'000'000 * kHitNs});
  uint64_t before = 0;
  int in_a_row = 0, most_in_a_row = 0;
  std::mt19937 random(1);
  Drive(world_, session, [&] {
    for (int i = 0; i < 600; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
    if (random() % 33 == 0) world_.Allocate(kType, kLeakCode);
    const uint64_t hits = session.counts().hits;
    in_a_row = hits > before ? in_a_row + 1 : 0;
    most_in_a_row = std::max(most_in_a_row, in_a_row);
    before = hits;
  });
  // Of 10 ms: 8,000 hits, as 2,000 were too few.
  EXPECT_LE(most_in_a_row, 16);
  EXPECT_LE(session.counts().hits, 30 * 10'600U);
  EXPECT_GE(session.samples().size(), 5U);
  for (const BirthSample& sample : session.samples()) {
    EXPECT_EQ(sample.stack.frames[0].code_address, kLeakCode);
  }
}

// A million a second for a few milliseconds, and the last of them is kept: what
// came past the allowance is over, and to look away would lose the birth.
TEST_F(BirthSessionTest, ABlockKeptByTheLastWriteOfABurstIsNotLookedAwayFrom) {
  for (const bool over : {true, false}) {
    world_.unwritten_ns = over ? 5 * kMs : 0;
    BirthSession& session =
        Make({.duration_ns = 20'000 * kMs, .budget_ns = 2'000'000 * kHitNs});
    int tick = 0;
    Drive(world_, session, [&] {
      if (++tick % 100 != 0) return;
      for (int i = 0; i < 12'000; ++i) {
        world_.Free(world_.Allocate(kType, kChurnCode));
      }
      world_.Allocate(kType, kLeakCode);
    });
    if (over) {
      EXPECT_GE(session.samples().size(), 3U);
    } else {
      EXPECT_EQ(session.samples().size(), 0U);
    }
  }
}

// Six blocks serve what comes and goes, again and again: they are written too
// seldom to be hot and too often to rest, and what is kept comes from behind.
TEST_F(BirthSessionTest, ABlockThatNeverRestsIsGivenUp) {
  BirthSession& session = Make({.duration_ns = 30'000 * kMs});
  int tick = 0;
  Drive(world_, session, [&] {
    std::vector<uint64_t> passing;
    for (int i = 0; i < 6; ++i) {
      passing.push_back(world_.Allocate(kType, kChurnCode));
    }
    if (++tick % 20 == 0) world_.Allocate(kType, kLeakCode);
    while (!passing.empty()) {
      world_.Free(passing.back());
      passing.pop_back();
    }
  });
  EXPECT_GT(session.counts().hot, 0);
  EXPECT_GE(session.samples().size(), 5U);
}

// Each 3,000th is kept, and a write that is watched takes as long as eight
// others: 500 in a tick. No burst of 2,000 sees one to its end, and what is
// kept while the watch pauses is lost.
TEST_F(BirthSessionTest, ABurstLastsUntilOneIsKept) {
  for (const double widest : {2'000, 8'000}) {
    BirthSession& session = Make({.duration_ns = 4'000 * kMs,
                                  .budget_ns = 1'000'000 * kHitNs,
                                  .pace = {.widest_burst = widest}});
    int made = 0;
    Drive(world_, session, [&] {
      for (double time = 0; time < 500;) {
        const int64_t before = world_.hits;
        world_.Free(world_.Allocate(kType, kChurnCode));
        time += world_.hits > before ? 1 : 0.125;
        if (++made % 3'000 == 0) world_.Allocate(kType, kLeakCode);
      }
    });
    EXPECT_LE(session.counts().hits, 4 * 10'000U + 8'600U);
    for (const BirthSample& sample : session.samples()) {
      EXPECT_EQ(sample.stack.frames[0].code_address, kLeakCode);
    }
    if (widest > 2'000) {
      EXPECT_GE(session.samples().size(), 4U);
    } else {
      EXPECT_EQ(session.samples().size(), 0U) << "what the rule is for";
    }
  }
}

}  // namespace
}  // namespace plimsoll::core
