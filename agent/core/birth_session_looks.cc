// What a BirthSession asks of the heap, and what it makes of the answers.
#include <algorithm>
#include <utility>

#include "agent/core/birth_session.h"

namespace plimsoll::core {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kLastLookStepNs = 500 * kNsPerMs;
constexpr int64_t kNoSpotNs = 20 * kNsPerMs;
constexpr int64_t kBusyNs = 100 * kNsPerMs;

}  // namespace

// What the parts of a look belong to, by slot and generation.
struct BirthSession::Asked {
  struct About {
    int slot = 0;
    uint64_t generation = 0;
    uint64_t marks = 0;
    SpotPicker::Pick pick;
  };
  std::vector<About> blocks;
  std::vector<About> wishes;
};

BlockQuestion BirthSession::QuestionAbout(const BirthSpot& spot,
                                          const BlockClass& blocks) const {
  return {.block = spot.block,
          .block_bytes = blocks.block_bytes,
          .object_offset = blocks.object_offset,
          .most_bytes = blocks.most_bytes,
          .cache_mark = spot.cache_mark != 0 ? spot.cache_mark : cache_mark_};
}

bool BirthSession::IsTheType(const BlockState& state) const {
  return type_ == 0 || (state.type_address == type_ && state.referenced);
}

void BirthSession::Look() {
  BirthLook look;
  Asked asked;
  const bool may_wish =
      now_ns_ >= next_wish_ns_ && Affordable() && MayTakeABurst();
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const int index = static_cast<int>(i);
    if (slot.armed) {
      if (now_ns_ < slot.next_look_ns || (slot.marks > 0 && !Rests(slot))) {
        continue;
      }
      const ChunkSource& source = picker_.source_of(slot.pick);
      look.blocks.push_back(
          QuestionAbout(slot.spot, classes_[slot.pick.in_class]));
      if (source.kind == ChunkSource::Kind::kTop) {
        look.blocks.back().arena = source.address;
      }
      asked.blocks.push_back({index, slot.generation, slot.marks, {}});
    } else if (may_wish && slot.resume_ns == 0) {
      if (one_burst_each_ && !look.wishes.empty()) continue;
      const SpotPicker::Pick pick = picker_.Next();
      look.wishes.push_back(picker_.WishFor(pick));
      asked.wishes.push_back({index, slot.generation, 0, pick});
    }
  }
  if (look.blocks.empty() && look.wishes.empty()) return;
  looking_ = true;
  ++counts_.looks;
  look_(std::move(look), [this, alive = alive_, asked = std::move(asked)](
                             absl::StatusOr<BirthFindings> found) {
    if (!*alive) return;
    looking_ = false;
    Answer(asked, found);
  });
}

void BirthSession::Answer(const Asked& asked,
                          const absl::StatusOr<BirthFindings>& found) {
  if (phase_ != Phase::kWatching) return;
  if (!found.ok()) return Finish(found.status());
  if (found->blocks.size() != asked.blocks.size() ||
      found->spots.size() != asked.wishes.size()) {
    return Finish(absl::InternalError("the heap's answer is of another look"));
  }
  for (size_t i = 0; i < asked.blocks.size(); ++i) {
    const Asked::About& about = asked.blocks[i];
    Slot& slot = slots_[static_cast<size_t>(about.slot)];
    if (!slot.armed || slot.generation != about.generation) continue;
    // Made or dropped since it was asked: the answer is of the time before.
    if (writes_->Read(about.slot).marks != about.marks) continue;
    AnswerBlock(about.slot, found->blocks[i]);
  }
  for (size_t i = 0; i < asked.wishes.size(); ++i) {
    const Asked::About& about = asked.wishes[i];
    Slot& slot = slots_[static_cast<size_t>(about.slot)];
    if (slot.armed || slot.resume_ns != 0 ||
        slot.generation != about.generation) {
      continue;
    }
    AnswerSpot(about.slot, about.pick, found->spots[i]);
    if (phase_ != Phase::kWatching) return;
  }
}

void BirthSession::LookLater(Slot& slot) const {
  slot.next_look_ns = now_ns_ + slot.look_step_ns;
  slot.look_step_ns = std::min(2 * slot.look_step_ns, kLastLookStepNs);
}

void BirthSession::AnswerBlock(int index, const BlockState& state) {
  Slot& slot = slots_[static_cast<size_t>(index)];
  if (!state.in_pool) {
    if (slot.marks == 0) picker_.PassedOver(slot.pick);
    return GiveUp(slot, index, counts_.other);
  }
  // Free, or free again: it may still be reached.
  if (!state.handed_out) return LookLater(slot);
  if (slot.marks == 0) {
    if (slot.hits_before > 0) return KeptUnseen(slot, index);
    picker_.Late(slot.pick);
    return GiveUp(slot, index, counts_.late);
  }
  if (!IsTheType(state)) {
    // On a free list, perhaps, until the churn goes on.
    if (now_ns_ - slot.quiet_ns < RestNs()) return LookLater(slot);
    return GiveUp(slot, index, counts_.other);
  }
  if (BlinkedSince(slot)) {
    blink_.KeptUnseen();
    return GiveUp(slot, index, counts_.hot);
  }
  slot.spot.chunk_bytes = state.chunk_bytes;
  Accept(slot, index);
}

// Amid heavy churn a block is written as often as that churns for each object
// that is kept, and then kept for good: all of it must be seen, in one burst,
// unless some are met by chance often enough.
void BirthSession::KeptUnseen(Slot& slot, int index) {
  GiveUp(slot, index, counts_.hot);
  if (++kept_unseen_ <= 2 * (samples_.size() + 1)) return;
  kept_unseen_ = 0;
  allowance_.Widen();
  one_burst_each_ = true;
}

// Where a burst must last for a block to its end no other takes of it, and it
// begins whole. What rests takes none.
bool BirthSession::MayTakeABurst() const {
  if (!one_burst_each_) return true;
  if (now_ns_ < allowance_.FullAtNs()) return false;
  return std::none_of(slots_.begin(), slots_.end(), [this](const Slot& slot) {
    return slot.resume_ns != 0 ||
           (slot.armed && now_ns_ - slot.quiet_ns < kBusyNs);
  });
}

void BirthSession::Accept(Slot& slot, int index) {
  if (!writes_->Read(index).has_stack) {
    return GiveUp(slot, index, counts_.unread);
  }
  auto stack = writes_->ReadStack(index);
  if (!stack.ok()) return GiveUp(slot, index, counts_.unread);
  if (slot.blinked_at) blink_.Kept();
  const BlockClass& blocks = classes_[slot.pick.in_class];
  samples_.push_back({.stack = std::move(stack->python),
                      .native = std::move(stack->native),
                      .block = slot.spot.block,
                      .block_bytes = blocks.most_bytes != 0
                                         ? slot.spot.chunk_bytes
                                         : blocks.block_bytes,
                      .in_class = slot.pick.in_class,
                      .cache_mark = slot.spot.cache_mark,
                      .born_ns = slot.quiet_ns,
                      .hits = slot.hits_before + slot.hits});
  writes_->Disarm(index);
  slot.armed = false;
  ++slot.generation;
}

void BirthSession::AnswerSpot(int index, const SpotPicker::Pick& pick,
                              const BirthSpot& spot) {
  const bool taken =
      std::any_of(slots_.begin(), slots_.end(), [&spot](const Slot& slot) {
        return (slot.armed || slot.resume_ns != 0) &&
               slot.spot.block == spot.block;
      });
  if (spot.block == 0) picker_.NotThere(pick);
  if (spot.block == 0 || taken) {
    next_wish_ns_ = now_ns_ + kNoSpotNs;
    return;
  }
  if (spot.cache_mark != 0) cache_mark_ = spot.cache_mark;
  Slot& slot = slots_[static_cast<size_t>(index)];
  slot.pick = pick;
  slot.spot = spot;
  slot.hits_before = 0;
  if (Arm(slot, index)) ++counts_.armed;
}

void BirthSession::LookAtTheEnd() {
  if (samples_.empty()) return Finish(absl::OkStatus());
  BirthLook look;
  for (const BirthSample& sample : samples_) {
    look.blocks.push_back(
        QuestionAbout({.block = sample.block, .cache_mark = sample.cache_mark},
                      classes_[sample.in_class]));
  }
  looking_ = true;
  ++counts_.looks;
  look_(std::move(look),
        [this, alive = alive_](absl::StatusOr<BirthFindings> found) {
          if (!*alive) return;
          looking_ = false;
          if (!found.ok()) return Finish(found.status());
          AnswerEnd(*found);
        });
}

void BirthSession::AnswerEnd(const BirthFindings& found) {
  std::vector<BirthSample> stay;
  for (size_t i = 0; i < samples_.size() && i < found.blocks.size(); ++i) {
    const BlockState& state = found.blocks[i];
    if (state.in_pool && state.handed_out && IsTheType(state)) {
      stay.push_back(std::move(samples_[i]));
    } else {
      ++counts_.died;
    }
  }
  samples_ = std::move(stay);
  Finish(absl::OkStatus());
}

}  // namespace plimsoll::core
