// The birth watch where trapping slows the writer more than it can bear:
// moments in which the last writer goes on unwatched.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "agent/core/birth_session.h"
#include "tests/unit/agent/core/birth_world.h"

namespace plimsoll::core {
namespace {

// Threads that take turns with the GIL, of 5 ms where others wait. Each makes
// and drops so many, keeps one, and sleeps for the rest of its period. One that
// traps takes 500 times as long: two writes of 25 us, as on a full machine.
class GilThreads {
 public:
  GilThreads(World* world, int threads, int per_kept, int64_t period_ns)
      : world_(world), per_kept_(per_kept), period_ns_(period_ns) {
    threads_.resize(static_cast<size_t>(threads));
    for (size_t i = 0; i < threads_.size(); ++i) {
      threads_[i].due_ns = period_ns * static_cast<int64_t>(i) / threads;
      threads_[i].next_ns = threads_[i].due_ns;
    }
  }
  void RunFor(int64_t ns) {
    const int64_t end = now_ns_ + ns;
    while (now_ns_ < end) {
      for (Thread& thread : threads_) Wake(thread);
      if (running_ == nullptr && ready_.empty()) {
        now_ns_ += kIdleNs;
        continue;
      }
      if (running_ == nullptr) TakeGil();
      // Who sleeps is looked at again after a while.
      for (int i = 0; i < 50 && running_ != nullptr && now_ns_ < end; ++i) {
        MakeOne();
        if (now_ns_ < turn_ends_ns_ || ready_.empty()) continue;
        if (running_ != nullptr) ready_.push_back(running_);
        running_ = nullptr;
      }
    }
    world_->unwritten_ns = now_ns_ - trapped_ns_;
  }
  // As RunFor, of the one that runs.
  void RunningFor(int64_t ns) {
    const int64_t end = now_ns_ + ns;
    while (now_ns_ < end && running_ != nullptr) MakeOne();
    now_ns_ = std::max(now_ns_, end);
  }

 private:
  static constexpr int64_t kTurnNs = 5 * kMs;
  static constexpr int64_t kTurnLateNs = 2 * kMs;
  static constexpr int64_t kIdleNs = kMs / 10;
  static constexpr int64_t kTrapNs = 50'000;
  static constexpr int64_t kPlainNs = 100;

  struct Thread {
    int made = 0;
    int64_t due_ns = 0;
    int64_t next_ns = 0;  // when it wakes; -1: it does not sleep
  };
  void Wake(Thread& thread) {
    if (thread.next_ns < 0 || thread.next_ns > now_ns_) return;
    thread.next_ns = -1;
    ready_.push_back(&thread);
  }
  void TakeGil() {
    running_ = ready_.front();
    ready_.pop_front();
    std::uniform_int_distribution<int64_t> late(0, kTurnLateNs);
    turn_ends_ns_ = now_ns_ + kTurnNs + late(random_);
  }
  void MakeOne() {
    const int64_t before = world_->hits;
    const bool keep = running_->made == per_kept_;
    const uint64_t block =
        world_->Allocate(kType, keep ? kLeakCode : kChurnCode);
    const bool trapped = world_->hits > before;
    now_ns_ += trapped ? kTrapNs : kPlainNs;
    if (trapped) trapped_ns_ = now_ns_;
    if (!keep) {
      world_->Free(block);
      ++running_->made;
      return;
    }
    running_->made = 0;
    running_->due_ns += period_ns_;
    running_->next_ns = std::max(running_->due_ns, now_ns_);
    running_ = nullptr;
  }

  World* const world_;
  const int per_kept_;
  const int64_t period_ns_;
  std::vector<Thread> threads_;
  std::deque<Thread*> ready_;
  Thread* running_ = nullptr;
  std::mt19937 random_{1};
  int64_t turn_ends_ns_ = 0;
  int64_t now_ns_ = 0;
  int64_t trapped_ns_ = 0;
};

// Under watch a turn is a tenth of what a thread makes until it keeps one: the
// block goes through all threads again and again, and is kept in a pause.
TEST_F(BirthSessionTest, FortyThreadsGetNoFurtherThanAPartOfAThousand) {
  for (const bool blinks : {false, true}) {
    GilThreads threads(&world_, 40, 1'000, 100 * kMs);
    if (blinks) {
      world_.while_unwatched = [&](int64_t ns) { threads.RunningFor(ns); };
    }
    BirthSession& session = Make({.duration_ns = 12'000 * kMs,
                                  .budget_ns = 1'000'000 * kHitNs,
                                  .objects_per_s = 400});
    Drive(world_, session, [&] { threads.RunFor(10 * kMs); });
    EXPECT_LE(session.counts().hits, 12 * 10'000U + 10'000U);
    for (const BirthSample& sample : session.samples()) {
      EXPECT_EQ(sample.stack.frames[0].code_address, kLeakCode);
    }
    if (blinks) {
      EXPECT_GE(session.samples().size(), 3U);
    } else {
      EXPECT_EQ(session.samples().size(), 0U) << "what blinks are for";
    }
    world_.while_unwatched = nullptr;
  }
}

// Who wrote last within sight only made and dropped.
TEST_F(BirthSessionTest, WhatIsKeptInABlinkIsNoSample) {
  world_.while_unwatched = [this](int64_t) {
    world_.Allocate(kType, kLeakCode);
  };
  BirthSession& session =
      Make({.duration_ns = 20'000 * kMs,
            .budget_ns = 1'000'000 * kHitNs,
            .max_hits_per_sample = 6'000});  // the first are given up
  Drive(world_, session, [this] {
    for (int i = 0; i < 1'100; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
  });
  EXPECT_TRUE(session.samples().empty());
  EXPECT_EQ(session.counts().died, 0);
  EXPECT_GT(session.counts().blinks, 0);
  EXPECT_GT(session.counts().hot, 0);
}

// Where blocks are seen to their end none of their writes goes by.
TEST_F(BirthSessionTest, AHundredfoldChurnIsNotBlinkedAt) {
  world_.while_unwatched = [](int64_t) {};
  BirthSession& session =
      Make({.duration_ns = 5'000 * kMs, .budget_ns = 1'000'000 * kHitNs});
  Drive(world_, session, [this] {
    for (int i = 0; i < 100; ++i) {
      world_.Free(world_.Allocate(kType, kChurnCode));
    }
    world_.Allocate(kType, kLeakCode);
  });
  EXPECT_EQ(session.counts().blinks, 0);
  EXPECT_GE(session.samples().size(), 5U);
}

}  // namespace
}  // namespace plimsoll::core
