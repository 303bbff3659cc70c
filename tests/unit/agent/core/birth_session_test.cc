#include "agent/core/birth_session.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace plimsoll::core {
namespace {

constexpr uint64_t kType = 0x7000;
constexpr uint64_t kOtherType = 0x8000;
constexpr int32_t kBlock = 48;
constexpr uint32_t kOffset = 16;
constexpr uint64_t kChurnCode = 0xc0;
constexpr uint64_t kLeakCode = 0x1e;
constexpr int64_t kMs = 1'000'000;

// An allocator of one size class with a last-in-first-out free list, and debug
// registers on it. Blocks are at multiples of kBlock.
class World final : public WritePort {
 public:
  explicit World(int registers) : registers_(registers) {}

  uint64_t Allocate(uint64_t type, uint64_t code) {
    if (free_.empty()) free_.push_back(next_ += kBlock);
    const uint64_t block = free_.front();
    free_.pop_front();
    types_[block] = type;
    for (auto& [slot, armed] : armed_) {
      if (armed.watch.address != block + kOffset + 8) continue;
      armed.reading.marks = ++armed.reading.hits;
      ++hits;
      armed.reading.has_stack =
          armed.watch.type_address == 0 || type == armed.watch.type;
      armed.code = code;
    }
    return block;
  }
  void Free(uint64_t block) {
    types_.erase(block);
    free_.push_front(block);
  }

  absl::StatusOr<int> Slots(bool) override { return registers_; }
  absl::Status Arm(int slot, const WriteWatch& watch) override {
    if (!refusal.ok()) return refusal;
    armed_[slot] = {watch, {}, 0};
    most_armed = std::max(most_armed, armed_.size());
    return absl::OkStatus();
  }
  void Disarm(int slot) override { armed_.erase(slot); }
  WriteReading Read(int slot) override {
    WriteReading reading = armed_.at(slot).reading;
    reading.unwritten_ns = unwritten_ns;
    return reading;
  }
  absl::StatusOr<WriterStack> ReadStack(int slot) override {
    WriterStack stack;
    stack.python.frames = {{armed_.at(slot).code, 0}};
    return stack;
  }
  int64_t CpuNs() override { return cpu_ns; }
  size_t armed() const { return armed_.size(); }

  BirthFindings Find(const BirthLook& look) {
    BirthFindings found;
    for (const SpotWish& wish : look.wishes) {
      const auto ahead = static_cast<size_t>(wish.ahead);
      while (free_.size() <= ahead) free_.push_back(next_ += kBlock);
      found.spots.push_back({free_[ahead], wish.ahead});
    }
    for (const BlockQuestion& question : look.blocks) {
      const auto at = types_.find(question.block);
      found.blocks.push_back(
          {.in_pool = true,
           .handed_out = at != types_.end(),
           .referenced = at != types_.end(),
           .type_address = at != types_.end() ? at->second : kType});
    }
    return found;
  }

  absl::Status refusal;
  size_t most_armed = 0;
  int64_t hits = 0;
  int64_t cpu_ns = 0;
  int64_t unwritten_ns = 0;  // what is said of every slot

 private:
  struct Armed {
    WriteWatch watch;
    WriteReading reading;
    uint64_t code = 0;
  };
  const int registers_;
  uint64_t next_ = 0x10000;
  std::deque<uint64_t> free_;
  std::map<uint64_t, uint64_t> types_;
  std::map<int, Armed> armed_;
};

PythonProcess Python311() {
  PythonProcess python;
  python.build.version = {3, 11, 2};
  return python;
}

BirthSurvey InstancesAt(uint32_t offset) {
  BirthSurvey survey;
  survey.type_address = kType;
  survey.type_flags = 1 << 9;
  survey.classes = {{kBlock, offset, 10, 0x500}};
  return survey;
}

// Every tick is 10 ms; `work` runs before it, and takes half of a core.
template <typename Work>
void Drive(World& world, BirthSession& session, Work work) {
  for (int64_t ms = 10; ms < 100'000 && !session.done(); ms += 10) {
    work();
    world.cpu_ns += 5 * kMs;
    session.Tick(ms * kMs);
  }
}

class BirthSessionTest : public ::testing::Test {
 protected:
  BirthSession& Make(const BirthOptions& options) {
    auto made = BirthSession::Create(
        Python311(), InstancesAt(kOffset), options, &world_,
        [this](BirthLook look, BirthSession::LookDone done) {
          if (!look_error_.ok()) return done(look_error_);
          done(world_.Find(look));
        },
        0);
    EXPECT_TRUE(made.ok()) << made.status();
    session_ = *std::move(made);
    return *session_;
  }
  World world_{4};
  absl::Status look_error_;
  std::unique_ptr<BirthSession> session_;
};

TEST_F(BirthSessionTest, OnlyTheLeakIsNamedAmidAHundredfoldChurn) {
  BirthSession& session =
      Make({.duration_ns = 20'000 * kMs, .hit_budget = 1'000'000});
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
      Make({.duration_ns = 30'000 * kMs, .hit_budget = 1'000'000});
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
      Make({.duration_ns = 60'000 * kMs, .hit_budget = 2'000});
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
                                .hit_budget = 4'000,
                                .max_hits_per_sample = 400});
  uint64_t at_half = 0;
  int tick = 0;
  Drive(world_, session, [&] {
    for (int i = 0; i < 100; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
    world_.Allocate(kType, kLeakCode);
    if (++tick == 1'000) at_half = session.counts().hits;
  });
  EXPECT_GT(at_half, 1'500U);
  EXPECT_LT(at_half, 3'000U);
  EXPECT_GE(session.samples().back().born_ns, 15'000 * kMs);
}

TEST_F(BirthSessionTest, AHotBlockIsGivenUp) {
  BirthSession& session = Make({.duration_ns = 2'000 * kMs,
                                .hit_budget = 100'000,
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
      Make({.duration_ns = 60'000 * kMs, .hit_budget = 2'000'000});
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
  EXPECT_LE(session.counts().hits, 60 * 10'600U);
  EXPECT_GE(session.samples().size(), 10U);
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
        Make({.duration_ns = 20'000 * kMs, .hit_budget = 2'000'000});
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
    BirthSession& session = Make({.duration_ns = 6'000 * kMs,
                                  .hit_budget = 1'000'000,
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
    EXPECT_LE(session.counts().hits, 6 * 10'000U + 8'600U);
    for (const BirthSample& sample : session.samples()) {
      EXPECT_EQ(sample.stack.frames[0].code_address, kLeakCode);
    }
    if (widest > 2'000) {
      EXPECT_GE(session.samples().size(), 8U);
    } else {
      EXPECT_EQ(session.samples().size(), 0U) << "what the rule is for";
    }
  }
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

TEST(BirthSessionAlone, NoRegisterIsARefusal) {
  World world(0);
  auto session = BirthSession::Create(Python311(), InstancesAt(kOffset), {},
                                      &world, nullptr, 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(session.status()));
}

}  // namespace
}  // namespace plimsoll::core
