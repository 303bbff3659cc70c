#include "agent/core/birth_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "tests/unit/agent/core/birth_world.h"

namespace plimsoll::core {
namespace {

using ::testing::HasSubstr;

TEST_F(BirthSessionTest, OnlyTheLeakIsNamedAmidAHundredfoldChurn) {
  BirthSession& session =
      Make({.duration_ns = 20'000 * kMs, .budget_ns = 1'000'000 * kHitNs});
  Drive(world_, session, [this] {
    for (int i = 0; i < 100; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
    world_.Allocate(kType, kLeakCode);
  });
  EXPECT_TRUE(session.status().ok()) << session.status();
  EXPECT_GE(session.samples().size(), 50U);
  for (const BirthSample& sample : session.samples()) {
    EXPECT_EQ(sample.stack.frames[0].code_address, kLeakCode);
  }
  EXPECT_EQ(world_.most_armed, 4U);
  EXPECT_EQ(world_.armed(), 0U);
  EXPECT_GT(session.counts().hits, 100 * session.samples().size() / 2);
}

TEST_F(BirthSessionTest, TwoSitesAreSampledInTheirProportion) {
  BirthSession& session =
      Make({.duration_ns = 60'000 * kMs, .rest_ns = 500 * kMs});
  int turn = 0;
  Drive(world_, session, [this, &turn] {
    world_.Allocate(kType, ++turn % 4 == 0 ? kChurnCode : kLeakCode);
  });
  double rare = 0;
  for (const BirthSample& sample : session.samples()) {
    rare += sample.stack.frames[0].code_address == kChurnCode ? 1 : 0;
  }
  const auto all = static_cast<double>(session.samples().size());
  ASSERT_GE(all, 200);
  EXPECT_NEAR(rare / all, 0.25, 0.09);
}

TEST_F(BirthSessionTest, NothingIsNamedWhereNothingStays) {
  BirthSession& session = Make({.duration_ns = 5'000 * kMs});
  Drive(world_, session, [this] {
    std::vector<uint64_t> blocks;
    for (int i = 0; i < 50; ++i) {
      blocks.push_back(world_.Allocate(kType, kChurnCode));
    }
    for (const uint64_t block : blocks) world_.Free(block);
  });
  EXPECT_TRUE(session.samples().empty());
}

TEST_F(BirthSessionTest, AnObjectOfAnotherTypeIsNoSample) {
  BirthSession& session = Make({.duration_ns = 5'000 * kMs});
  Drive(world_, session, [this] { world_.Allocate(kOtherType, kLeakCode); });
  EXPECT_TRUE(session.samples().empty());
  EXPECT_GT(session.counts().other, 0);
}

TEST_F(BirthSessionTest, WhatIsGoneAtTheEndIsNoSample) {
  BirthSession& session = Make({.duration_ns = 4'000 * kMs});
  std::vector<uint64_t> kept;
  Drive(world_, session, [this, &kept] {  // a cache that is cleared after 3 s
    if (kept.size() < 300) {
      kept.push_back(world_.Allocate(kType, kLeakCode));
      return;
    }
    for (uint64_t& block : kept) {
      if (block != 0) world_.Free(std::exchange(block, 0));
    }
  });
  EXPECT_GT(session.counts().died, 0);
  EXPECT_TRUE(session.samples().empty());
}

// A churn that is stopped for 2 s in every 3 holds its block all that time.
TEST_F(BirthSessionTest, RestMeansThatTheProcessGotCpu) {
  BirthSession& session =
      Make({.duration_ns = 30'000 * kMs, .budget_ns = 1'000'000 * kHitNs});
  int tick = 0;
  uint64_t in_use = 0;
  Drive(world_, session, [&] {
    if (++tick % 300 >= 100) {
      world_.cpu_ns -= 5 * kMs;
      return;
    }
    if (in_use != 0) world_.Free(std::exchange(in_use, 0));
    for (int i = 0; i < 20; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
    if (tick % 300 == 99) in_use = world_.Allocate(kType, kChurnCode);
  });
  EXPECT_TRUE(session.samples().empty());
  EXPECT_EQ(session.counts().died, 0) << "taken for one that rests";
  EXPECT_GT(session.counts().hits, 100U);
}

TEST_F(BirthSessionTest, TheBudgetEndsItAndSaysSo) {
  BirthSession& session =
      Make({.duration_ns = 60'000 * kMs, .budget_ns = 2'000 * kHitNs});
  Drive(world_, session, [this] {
    for (int i = 0; i < 100; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
  });
  EXPECT_TRUE(session.counts().budget_spent);
  EXPECT_EQ(world_.armed(), 0U);
  // One tick's worth past it at most.
  EXPECT_LE(session.counts().hits, 2'100U);
}

// Not all of it in the first second, when one site may happen to be at work.
TEST_F(BirthSessionTest, TheBudgetIsSpentEvenly) {
  BirthSession& session = Make({.duration_ns = 20'000 * kMs,
                                .budget_ns = 4'000 * kHitNs,
                                .max_hits_per_sample = 400});
  double at_half = 0;
  int tick = 0;
  Drive(world_, session, [&] {
    for (int i = 0; i < 100; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
    world_.Allocate(kType, kLeakCode);
    if (++tick == 1'000) at_half = session.counts().cost_ns;
  });
  EXPECT_GT(at_half, 1'500 * kHitNs);
  EXPECT_LT(at_half, 3'000 * kHitNs);
  EXPECT_GE(session.samples().back().born_ns, 14'000 * kMs);
}

// What stands slows a process that copies much, also where nothing writes to
// it. Watchpoints stood all the time once, and that was in no figure.
TEST_F(BirthSessionTest, WhatStandingWatchpointsSlowIsInTheBudget) {
  world_.in_string = 0.3;
  BirthSession& session = Make({.duration_ns = 60'000 * kMs,
                                .budget_ns = 1e9,
                                .max_hits_per_sample = 100});
  int64_t stood_ms = 0;
  Drive(world_, session, [&] {
    for (int i = 0; i < 10; ++i) {
      world_.Free(world_.Allocate(kOtherType, kChurnCode));
    }
    if (world_.armed() > 0) stood_ms += 10;
  });
  EXPECT_NEAR(session.counts().slowed_share, 0.3, 0.05);
  EXPECT_LT(session.counts().hits * kHitNs, 0.3e9);
  // Half of a core for so long, of which three tenths are lost.
  EXPECT_GT(stood_ms, 4'000);
  EXPECT_LT(stood_ms, 8'500);
  EXPECT_LE(session.counts().cost_ns, 1.05e9);
}

// 100,000 a second: a spot right ahead is taken before it is watched.
TEST_F(BirthSessionTest, AFastLeakIsMetFarAhead) {
  BirthSession& session = Make({.duration_ns = 10'000 * kMs});
  Drive(world_, session, [this] {
    for (int i = 0; i < 1'000; ++i) world_.Allocate(kType, kLeakCode);
  });
  EXPECT_GE(session.samples().size(), 40U);
}

TEST_F(BirthSessionTest, ADeadTargetEndsItWithTheReason) {
  BirthSession& session = Make({.duration_ns = 60'000 * kMs});
  look_error_ = absl::NotFoundError("gone");
  Drive(world_, session, [] {});
  EXPECT_TRUE(absl::IsNotFound(session.status()));
  EXPECT_EQ(world_.armed(), 0U);
}

TEST_F(BirthSessionTest, ARefusedRegisterEndsItWithTheReason) {
  BirthSession& session = Make({.duration_ns = 60'000 * kMs});
  world_.refusal = absl::ResourceExhaustedError("none left");
  Drive(world_, session, [] {});
  EXPECT_TRUE(absl::IsResourceExhausted(session.status()));
}

TEST(BirthSessionAlone, AnAnswerAfterItsEndIsDropped) {
  World world(1);
  BirthSession::LookDone pending;
  auto session = BirthSession::Create(
      Python311(), InstancesAt(kOffset), {}, &world,
      [&](BirthLook, BirthSession::LookDone done) {
        pending = std::move(done);
      },
      0);
  ASSERT_TRUE(session.ok());
  (*session)->Tick(1);
  session->reset();
  pending(absl::CancelledError("late"));
}

// malloc made the block once, for what was dropped long since.
TEST(BirthSessionAlone, WhatAFreeListHandsOnIsNoBirthOfMallocs) {
  World world(4);
  const auto make = [&world](const std::string& name, uint64_t flags,
                             int32_t block_bytes) {
    BirthSurvey survey;
    survey.type_address = kType;
    survey.tp_name = name;
    survey.type_flags = flags;
    survey.classes = {{.block_bytes = block_bytes,
                       .object_offset = 32,
                       .objects = 10,
                       .most_bytes = block_bytes + 16,
                       .step_bytes = block_bytes}};
    survey.sources = {{ChunkSource::Kind::kTop, 0x1000}};
    survey.malloc_begin = 0x2000;
    survey.malloc_end = 0x3000;
    return BirthSession::Create(Python311(), survey, {}, &world, nullptr, 0)
        .status();
  };
  constexpr uint64_t kClass = 1 << 9;
  EXPECT_TRUE(absl::IsUnimplemented(make("dict", 0, 80)));
  EXPECT_THAT(make("tuple", 0, 80).message(), HasSubstr("a free list hands"));
  EXPECT_TRUE(make("tuple", 0, 800).ok()) << "too long for it";
  EXPECT_TRUE(make("str", 0, 80).ok());
  EXPECT_TRUE(make("dict", kClass, 80).ok()) << "a class of that name";
}

TEST(BirthSessionAlone, NoRegisterIsARefusal) {
  World world(0);
  auto session = BirthSession::Create(Python311(), InstancesAt(kOffset), {},
                                      &world, nullptr, 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(session.status()));
}

}  // namespace
}  // namespace plimsoll::core
