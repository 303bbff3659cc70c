#include "agent/core/birth_run.h"

#include <gtest/gtest.h>

#include <map>

namespace plimsoll::core {
namespace {

constexpr uint64_t kType = 0x7000;
constexpr int64_t kMs = 1'000'000;

// Whatever is armed is born at once, by one of two stacks in turn, and stays.
class Writes final : public WritePort {
 public:
  absl::StatusOr<int> Slots(bool) override { return 4; }
  absl::Status Arm(int index, const WriteWatch&) override {
    code_[index] = ++armed % 4 == 0 ? 0xbb : 0xaa;
    return absl::OkStatus();
  }
  void Disarm(int) override {}
  WriteReading Read(int) override { return {2, 2, 2, true, 0}; }
  absl::StatusOr<bool> Blink(int, int64_t) override { return false; }
  int64_t CpuNs() override { return cpu_ns_ += kMs; }
  CpuSamples Samples() override { return {}; }
  double NsPerHit() override { return 10'000; }
  absl::StatusOr<WriterStack> ReadStack(int index) override {
    WriterStack stack;
    stack.python.frames = {{code_.at(index), 1}};
    return stack;
  }
  int armed = 0;

 private:
  int64_t cpu_ns_ = 0;  // a millisecond more whenever it is asked for
  std::map<int, uint64_t> code_;
};

class BirthRunTest : public ::testing::Test {
 protected:
  // The type has 1000 objects, and `per_s` more each second.
  BirthFindings Find(const BirthLook& look, int64_t per_s) {
    BirthFindings found;
    if (look.survey_type != 0) {
      BirthSurvey& survey = found.survey.emplace();
      survey.type_address = kType;
      survey.tp_name = "C";
      survey.type_flags = 1 << 9;
      survey.classes = {{48, 16, 1000 + now_ns_ * per_s / 1000 / kMs, 0x500}};
    }
    for (const SpotWish& wish : look.wishes) {
      found.spots.push_back({next_ += 48, wish.ahead});
    }
    for (size_t i = 0; i < look.blocks.size(); ++i) {
      found.blocks.push_back({true, true, true, kType});
    }
    return found;
  }
  RawProfile Run(int64_t per_s, absl::Status error = absl::OkStatus()) {
    PythonProcess python;
    python.build.version = {3, 11, 2};
    BirthRun run(
        python, "m.C", kType, {.duration_ns = 20'000 * kMs}, &writes_,
        [&](const BirthLook& look, BirthSession::LookDone done) {
          if (!error.ok()) return done(error);
          done(Find(look, per_s));
        },
        0);
    for (; !run.done() && now_ns_ < 60'000 * kMs; now_ns_ += 10 * kMs) {
      run.Tick(now_ns_);
    }
    EXPECT_TRUE(run.done());
    status_ = run.status();
    grown_ = run.grown();
    return run.Profile();
  }

  Writes writes_;
  int64_t now_ns_ = 0;
  uint64_t next_ = 0x10000;
  absl::Status status_;
  int64_t grown_ = 0;
};

TEST_F(BirthRunTest, TheRowsSumToWhatTheTypeGained) {
  const RawProfile raw = Run(100);
  ASSERT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(raw.profile.kind, ProfileKind::kBirth);
  ASSERT_EQ(raw.profile.counts.size(), 2U);
  int64_t objects = 0;
  int64_t samples = 0;
  for (const StackCount& count : raw.profile.counts) {
    objects += count.surviving_objects;
    samples += count.allocations;
    EXPECT_EQ(count.type, "m.C");
    EXPECT_GT(count.weight, 1);
    EXPECT_EQ(count.surviving_bytes / count.surviving_objects, 48);
  }
  EXPECT_NEAR(static_cast<double>(objects), static_cast<double>(grown_), 2);
  EXPECT_NEAR(static_cast<double>(grown_), 2000, 20);
  EXPECT_EQ(samples, raw.profile.coverage.seen);
  EXPECT_GT(raw.profile.hits_per_second, 0);
  // Hits, and the tenth that is taken to be lost where no sample says more.
  EXPECT_GT(raw.profile.target_cpu_share, raw.profile.hits_per_second * 1e-5);
  EXPECT_NEAR(raw.profile.slowed_share, 0.1, 1e-9);
  const StackCount& rare = raw.profile.counts[1];
  EXPECT_NEAR(static_cast<double>(rare.allocations),
              static_cast<double>(samples) / 4, 1);
}

TEST_F(BirthRunTest, WithoutGrowthSamplesStandForNothing) {
  const RawProfile raw = Run(0);
  ASSERT_FALSE(raw.profile.counts.empty());
  for (const StackCount& count : raw.profile.counts) {
    EXPECT_EQ(count.surviving_objects, 0);
    EXPECT_GT(count.allocations, 0);
  }
}

TEST_F(BirthRunTest, AHeapThatCannotBeReadIsTheReason) {
  const RawProfile raw = Run(100, absl::UnimplementedError("another heap"));
  EXPECT_TRUE(absl::IsUnimplemented(status_));
  EXPECT_EQ(raw.profile.refusal, "another heap");
  EXPECT_EQ(writes_.armed, 0);
}

}  // namespace
}  // namespace plimsoll::core
