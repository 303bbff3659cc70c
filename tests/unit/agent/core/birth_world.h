// An allocator and debug registers in which the birth watch is tested.
#ifndef PLIMSOLL_TESTS_UNIT_AGENT_CORE_BIRTH_WORLD_H_
#define PLIMSOLL_TESTS_UNIT_AGENT_CORE_BIRTH_WORLD_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "agent/core/birth_session.h"

namespace plimsoll::core {

inline constexpr uint64_t kType = 0x7000;
inline constexpr uint64_t kOtherType = 0x8000;
inline constexpr int32_t kBlock = 48;
inline constexpr uint32_t kOffset = 16;
inline constexpr uint64_t kChurnCode = 0xc0;
inline constexpr uint64_t kLeakCode = 0x1e;
inline constexpr int64_t kMs = 1'000'000;
inline constexpr double kHitNs = 10'000;

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
      if (slot == blinking_) continue;
      armed.reading.marks = ++armed.reading.hits;
      ++hits;
      armed.reading.has_stack =
          armed.watch.type_address == 0 || type == armed.watch.type;
      ++armed.reading.births;
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
  absl::StatusOr<bool> Blink(int slot, int64_t ns) override {
    if (while_unwatched == nullptr) return false;
    blinking_ = slot;
    while_unwatched(ns);
    blinking_ = -1;
    return true;
  }
  absl::StatusOr<WriterStack> ReadStack(int slot) override {
    WriterStack stack;
    stack.python.frames = {{armed_.at(slot).code, 0}};
    return stack;
  }
  int64_t CpuNs() override { return cpu_ns; }
  CpuSamples Samples() override {
    const auto taken = static_cast<uint64_t>(cpu_ns / (10 * kMs));
    if (taken > samples_.taken && !armed_.empty()) {
      in_string_sum_ += in_string * static_cast<double>(taken - samples_.taken);
    }
    samples_ = {taken, static_cast<uint64_t>(in_string_sum_)};
    return samples_;
  }
  double NsPerHit() override { return kHitNs; }
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
  double in_string = 0;      // of samples of CPU time while any stands
  int64_t unwritten_ns = 0;  // what is said of every slot
  // What the last writer does in a blink; none: there are no blinks.
  std::function<void(int64_t ns)> while_unwatched;

 private:
  struct Armed {
    WriteWatch watch;
    WriteReading reading;
    uint64_t code = 0;
  };
  const int registers_;
  int blinking_ = -1;  // the slot
  CpuSamples samples_;
  double in_string_sum_ = 0;
  uint64_t next_ = 0x10000;
  std::deque<uint64_t> free_;
  std::map<uint64_t, uint64_t> types_;
  std::map<int, Armed> armed_;
};

inline PythonProcess Python311() {
  PythonProcess python;
  python.build.version = {3, 11, 2};
  return python;
}

inline BirthSurvey InstancesAt(uint32_t offset) {
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

}  // namespace plimsoll::core

#endif  // PLIMSOLL_TESTS_UNIT_AGENT_CORE_BIRTH_WORLD_H_
