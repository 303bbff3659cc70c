// What a window on malloc counts beside what the target itself did, and what it
// says survived.
#include "agent/bpf/malloc_window.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/bpf/agent/bpf/malloc_fixture.h"

namespace plimsoll::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kJemalloc[] = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";
constexpr int64_t kRestNs = 50'000'000;

class MallocWindowTest : public MallocTest {};

void Rest() { std::this_thread::sleep_for(std::chrono::milliseconds(80)); }

TEST_P(MallocWindowTest, CountsAreThoseOfTheTarget) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  target.Command("malloc 50 100 churn 50 100");  // all code is warm
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  const auto said = target.Command(
      "malloc 300 100 calloc 40 200 aligned 30 640 posix 20 1280 "
      "first 10 400 churn 5000 100");
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(result.counts.refusal, "");
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{300, 0, 300}))
      << Describe(rows);
  EXPECT_EQ(SumOf(rows, "calloc_one"), (MallocSum{40, 0, 40}));
  EXPECT_EQ(SumOf(rows, "aligned_one"), (MallocSum{30, 0, 30}));
  EXPECT_EQ(SumOf(rows, "posix_one"), (MallocSum{20, 0, 20}));
  EXPECT_EQ(SumOf(rows, "first_one"), (MallocSum{10, 0, 10}));
  EXPECT_EQ(SumOf(rows, "churn_one"), (MallocSum{5000, 5000, 0}));
  for (const char* kind :
       {"malloc", "calloc", "aligned", "posix", "first", "churn"}) {
    const auto tally = TallyOf(rows, std::string(kind) + "_one");
    EXPECT_EQ(std::to_string(tally.allocated_bytes), said.at(kind)) << kind;
    EXPECT_EQ(tally.surviving_bytes, tally.allocated_bytes - tally.freed_bytes)
        << kind;
  }
  // The stack leads on to the caller, and to the Python line above it.
  for (const core::MallocStack& row : rows) {
    if (row.stack.frames.empty() ||
        row.stack.frames[0].function != "malloc_one") {
      continue;
    }
    ASSERT_GE(row.stack.frames.size(), 3U) << Describe(rows);
    EXPECT_EQ(row.stack.frames[0].module, "libmallocs.so");
    EXPECT_GT(row.stack.frames[0].line, 0);
    EXPECT_EQ(row.stack.frames[1].function, "do_malloc");
    bool has_python = false;
    for (const core::Frame& f : row.stack.frames) {
      has_python = has_python || f.function == "do_it";
    }
    EXPECT_TRUE(has_python) << Describe(rows);
  }
  for (const char* loss : {"map_full", "probe_budget", "bad_record"}) {
    EXPECT_FALSE(result.counts.drops.contains(loss)) << loss;
  }
}

TEST_P(MallocWindowTest, FreesAreThoseOfTheirAllocation) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  target.Command("malloc 100 100");
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  target.Command("malloc 200 100 calloc 60 200");
  Rest();
  // 60 of calloc's, then 150 of malloc's; then what is from before the window.
  target.Command("drop 210 0");
  target.Command("drop 50 0 drop 70 0");
  const bpf::MallocWindowResult result = Close(target, window);
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(SumOf(rows, "calloc_one"), (MallocSum{60, 60, 0}));
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{200, 200, 0}))
      << Describe(rows);
  EXPECT_GE(result.counts.older_frees, 70);
}

TEST_P(MallocWindowTest, ReallocEndsOneBlockAndBeginsAnother) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  const auto said = target.Command("malloc 100 100 grow 40 5000 fail 80 0");
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{100, 40, 60}))
      << Describe(rows);
  EXPECT_EQ(SumOf(rows, "grow_one"), (MallocSum{40, 0, 40}));
  EXPECT_EQ(std::to_string(TallyOf(rows, "grow_one").allocated_bytes),
            said.at("grow"));
  EXPECT_EQ(result.counts.refusal, "");
}

TEST_P(MallocWindowTest, YoungBlocksAreNotSaidToSurvive) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window = Open(target, {.rest_ns = 3'000'000'000});
  target.Command("malloc 100 100");
  const auto rows = Name(target, Close(target, window).counts);
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{100, 0, 0}))
      << Describe(rows);
}

TEST_P(MallocWindowTest, EightThreadsAtOnceWithoutTheGil) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  target.Command("threads 2000 100");
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(SumOf(rows, "churn_one"), (MallocSum{16000, 16000, 0}))
      << Describe(rows);
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{1600, 0, 1600}));
  EXPECT_EQ(result.counts.refusal, "");
  EXPECT_EQ(result.counts.unseen_frees, 0);
}

// One in eight is followed, whichever site it is of: what survives stands for
// all that does, and nothing of what is dropped.
TEST_P(MallocWindowTest, ASampleStandsForAll) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  bpf::MallocWindow window =
      Open(target, {.rest_ns = kRestNs, .sample_every = 8});
  for (int i = 0; i < 20; ++i) {
    target.Command("malloc 400 100 first 200 400 churn 2000 100");
  }
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  EXPECT_EQ(result.counts.refusal, "");
  const auto rows = Name(target, result.counts);
  // 1,000 and 500 samples: five standard deviations are 16 and 22 %.
  const MallocSum kept = SumOf(rows, "malloc_one");
  EXPECT_NEAR(static_cast<double>(kept.surviving), 8000, 1300);
  EXPECT_EQ(kept.surviving, kept.allocations);
  EXPECT_EQ(TallyOf(rows, "malloc_one").samples * 8, kept.surviving);
  EXPECT_NEAR(static_cast<double>(SumOf(rows, "first_one").surviving), 4000,
              900);
  const MallocSum churned = SumOf(rows, "churn_one");
  EXPECT_GT(churned.allocations, 10000);
  EXPECT_EQ(churned.frees, churned.allocations);
  EXPECT_EQ(churned.surviving, 0);
}

// A library whose free is not probed hands addresses out again.
TEST_P(MallocWindowTest, WhereFreesGoByNoneSurvivesForSure) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()});
  core::MallocSites sites = SitesOf(target);
  uint64_t posix = 0;
  for (const core::MallocSite& site : sites.sites) {
    if (site.function == core::MallocFunction::kPosixMemalign) {
      posix = site.file_offset;
    }
  }
  ASSERT_NE(posix, 0u);
  for (core::MallocSite& site : sites.sites) {
    if (site.function == core::MallocFunction::kFree) site.file_offset = posix;
  }
  auto window =
      probe_->OpenWindow(target.process(), sites, {.rest_ns = kRestNs});
  ASSERT_TRUE(window.ok()) << window.status();
  target.Command("malloc 100 100 churn 500 100");
  Rest();
  const bpf::MallocWindowResult result = Close(target, *window);
  EXPECT_THAT(result.counts.refusal, HasSubstr("frees go by the probes"));
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(SumOf(rows, "malloc_one").surviving, 0);
  EXPECT_GT(result.counts.unseen_frees, 400);
}

TEST_P(MallocWindowTest, PreloadedJemallocIsCountedAndRefusedAsToSurvivors) {
  BpfTarget target(GetParam(), kMallocScript, {library_.path()},
                   {{"LD_PRELOAD", kJemalloc}});
  if (SitesOf(target).allocator != "jemalloc") {
    // A target in a root directory of its own has none.
    ASSERT_NE(GetParam(), "/usr/bin/python3.11") << kJemalloc << " is missing";
    GTEST_SKIP() << "the target could not load " << kJemalloc;
  }
  bpf::MallocWindow window = Open(target, {.rest_ns = kRestNs});
  target.Command("malloc 300 100 calloc 40 200 posix 20 1280 churn 5000 100");
  target.Command("grow 10 5000 drop 5 0");
  Rest();
  const bpf::MallocWindowResult result = Close(target, window);
  EXPECT_THAT(result.counts.refusal, HasSubstr("malloc is jemalloc"));
  const auto rows = Name(target, result.counts);
  EXPECT_EQ(SumOf(rows, "malloc_one"), (MallocSum{300, 0, 0}))
      << Describe(rows);
  EXPECT_EQ(TallyOf(rows, "malloc_one").allocated_bytes, 30000);
  EXPECT_EQ(SumOf(rows, "calloc_one"), (MallocSum{40, 0, 0}));
  EXPECT_EQ(SumOf(rows, "posix_one"), (MallocSum{20, 10, 0}));
  EXPECT_EQ(SumOf(rows, "grow_one"), (MallocSum{10, 5, 0}));
  EXPECT_EQ(SumOf(rows, "churn_one"), (MallocSum{5000, 5000, 0}));
}

INSTANTIATE_TEST_SUITE_P(Stripped, MallocWindowTest,
                         ::testing::ValuesIn(StrippedPythons()), TestName);
INSTANTIATE_TEST_SUITE_P(Plain, MallocWindowTest,
                         ::testing::ValuesIn(PlainPythons(7, 15)), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MallocWindowTest);

}  // namespace
}  // namespace plimsoll::testing
