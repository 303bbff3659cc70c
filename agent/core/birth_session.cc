#include "agent/core/birth_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::core {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000 * kNsPerMs;
constexpr int64_t kShortestRestNs = kNsPerSecond / 2;
constexpr int64_t kLongestRestNs = 3 * kNsPerSecond;
constexpr int64_t kShortestPatienceNs = 2 * kNsPerSecond;
constexpr int64_t kLongestPatienceNs = 60 * kNsPerSecond;
constexpr int64_t kFirstLookStepNs = 20 * kNsPerMs;
constexpr int64_t kLastLookStepNs = kNsPerSecond / 2;
// Churn writes again within microseconds.
constexpr int64_t kStillWrittenNs = kNsPerMs;
constexpr int64_t kNoSpotNs = 20 * kNsPerMs;
// Between finding a spot and watching it lie a system call per thread and a
// question to the inspector.
constexpr int64_t kLeadNs = 20 * kNsPerMs;
constexpr int64_t kFarthestAhead = 1 << 20;
// Giving up wastes what was spent: a block that is written a thousand times
// before it is kept must be waited for.
constexpr uint64_t kSamplesPerBudget = 4;
constexpr size_t kMostClasses = 8;
constexpr size_t kMostSamples = 4096;

BirthOptions WithDefaults(BirthOptions options) {
  if (options.rest_ns == 0) {
    options.rest_ns =
        std::clamp(options.duration_ns / 20, kShortestRestNs, kLongestRestNs);
  }
  if (options.max_hits_per_sample == 0) {
    options.max_hits_per_sample =
        std::max<uint64_t>(1, options.hit_budget / kSamplesPerBudget);
  }
  return options;
}

int64_t PatienceNs(const BirthOptions& options) {
  return std::clamp(options.duration_ns / 4, kShortestPatienceNs,
                    kLongestPatienceNs);
}

}  // namespace

// What the parts of a look belong to, by slot and generation.
struct BirthSession::Asked {
  struct About {
    int slot = 0;
    uint64_t generation = 0;
    uint64_t hits = 0;
    size_t in_class = 0;
  };
  std::vector<About> blocks;
  std::vector<About> wishes;
};

absl::StatusOr<std::unique_ptr<BirthSession>> BirthSession::Create(
    const PythonProcess& python, const BirthSurvey& survey,
    const BirthOptions& options, WritePort* writes, LookFn look,
    int64_t now_ns) {
  if (writes->slots() == 0) {
    return absl::FailedPreconditionError("no debug register is free");
  }
  auto session = std::unique_ptr<BirthSession>(
      new BirthSession(options, writes, std::move(look), now_ns));
  session->type_ = survey.type_address;
  absl::Status refusal = absl::UnimplementedError(
      "no live object of the type stands in a pool (over 512 bytes, or gone)");
  for (const BlockClass& blocks : survey.classes) {
    if (session->classes_.size() == kMostClasses) break;
    if (blocks.list_head == 0) continue;
    auto word = FindBirthWord(survey, blocks, python);
    if (!word.ok()) {
      refusal = word.status();
      continue;
    }
    session->classes_.push_back({blocks, *word});
  }
  if (session->classes_.empty()) return refusal;
  return session;
}

BirthSession::BirthSession(const BirthOptions& options, WritePort* writes,
                           LookFn look, int64_t now_ns)
    : options_(WithDefaults(options)),
      writes_(writes),
      look_(std::move(look)),
      slots_(static_cast<size_t>(writes->slots())),
      now_ns_(now_ns),
      end_ns_(now_ns + options.duration_ns),
      allowance_(options.pace, now_ns),
      random_(options.seed) {
  const double lead_s = static_cast<double>(kLeadNs) / kNsPerSecond;
  ahead_ = std::clamp<int64_t>(
      static_cast<int64_t>(
          std::min(options.objects_per_s * lead_s, double{kFarthestAhead})),
      1, kFarthestAhead);
}

void BirthSession::Tick(int64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  if (phase_ == Phase::kWatching) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (slot.armed) Watch(slot, static_cast<int>(i));
      if (slot.resume_ns == 0 || now_ns_ < slot.resume_ns) continue;
      if (!Arm(slot, static_cast<int>(i))) return;
    }
    counts_.budget_spent = counts_.hits >= options_.hit_budget;
    if (now_ns_ >= end_ns_ || counts_.budget_spent ||
        samples_.size() >= kMostSamples) {
      EndEarly();
    }
  }
  if (looking_) return;
  if (phase_ == Phase::kWatching) Look();
  if (phase_ == Phase::kEnding && !looking_) LookAtTheEnd();
}

void BirthSession::EndEarly() {
  if (phase_ != Phase::kWatching) return;
  DisarmAll();
  phase_ = Phase::kEnding;
}

void BirthSession::DisarmAll() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].resume_ns = 0;
    if (!slots_[i].armed) continue;
    writes_->Disarm(static_cast<int>(i));
    slots_[i].armed = false;
    ++slots_[i].generation;
  }
}

void BirthSession::Finish(absl::Status status) {
  DisarmAll();
  status_ = std::move(status);
  phase_ = Phase::kDone;
}

void BirthSession::GiveUp(Slot& slot, int index, int64_t& reason) {
  ++reason;
  writes_->Disarm(index);
  slot.armed = false;
  ++slot.generation;
}

void BirthSession::Watch(Slot& slot, int index) {
  const WriteReading reading = writes_->Read(index);
  const uint64_t hits = reading.hits - slot.hits;
  allowance_.Spend(hits, now_ns_);
  if (hits > 0) {
    counts_.hits += hits;
    slot.hits += hits;
    slot.quiet_ns = now_ns_;
  }
  if (slot.hits_before + slot.hits > options_.max_hits_per_sample) {
    return GiveUp(slot, index, counts_.hot);
  }
  // A block that the last write of a burst keeps is not looked away from.
  const bool still_written = reading.unwritten_ns < kStillWrittenNs;
  if (hits > 0 && still_written && allowance_.spent()) {
    return Pause(slot, index);
  }
  if (now_ns_ - std::max(slot.armed_ns, slot.quiet_ns) <=
      PatienceNs(options_)) {
    return;
  }
  // Spots nearer to the allocator are reached sooner.
  ahead_ /= 2;
  GiveUp(slot, index, counts_.unreached);
}

// A block amid churn is kept at some write of many, each as likely as the next:
// what is not seen meanwhile costs no hits.
void BirthSession::Pause(Slot& slot, int index) {
  writes_->Disarm(index);
  slot.armed = false;
  ++slot.generation;
  slot.hits_before += slot.hits;
  slot.resume_ns = allowance_.FullAtNs();
}

bool BirthSession::Rests(const Slot& slot) const {
  return slot.hits > 0 && now_ns_ - slot.quiet_ns >= options_.rest_ns;
}

// A sample's worth ahead of the even pace: a block amid heavy churn takes its
// hits within milliseconds.
bool BirthSession::Affordable() const {
  const double elapsed =
      1 - static_cast<double>(end_ns_ - now_ns_) /
              static_cast<double>(std::max<int64_t>(options_.duration_ns, 1));
  return static_cast<double>(counts_.hits) <=
         elapsed * static_cast<double>(options_.hit_budget) +
             static_cast<double>(options_.max_hits_per_sample);
}

int64_t BirthSession::PickAhead() {
  // Spread, so that a pattern in the allocations does not meet the same site.
  std::uniform_int_distribution<int64_t> spread(ahead_, 2 * ahead_ + 2);
  return spread(random_);
}

size_t BirthSession::PickClass() {
  int64_t sum = 0;
  for (const WatchedClass& c : classes_) sum += c.blocks.objects;
  if (sum <= 0) return 0;
  std::uniform_int_distribution<int64_t> pick(0, sum - 1);
  int64_t at = pick(random_);
  for (size_t i = 0; i < classes_.size(); ++i) {
    at -= classes_[i].blocks.objects;
    if (at < 0) return i;
  }
  return 0;
}

void BirthSession::Look() {
  BirthLook look;
  Asked asked;
  const bool may_wish = now_ns_ >= next_wish_ns_ && Affordable();
  for (size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const int index = static_cast<int>(i);
    if (slot.armed) {
      if (now_ns_ < slot.next_look_ns || (slot.hits > 0 && !Rests(slot))) {
        continue;
      }
      const BlockClass& blocks = classes_[slot.in_class].blocks;
      look.blocks.push_back(
          {slot.block, blocks.block_bytes, blocks.object_offset});
      asked.blocks.push_back({index, slot.generation, slot.hits, 0});
    } else if (may_wish && slot.resume_ns == 0) {
      const size_t c = PickClass();
      look.wishes.push_back({classes_[c].blocks.block_bytes,
                             classes_[c].blocks.list_head, PickAhead()});
      asked.wishes.push_back({index, slot.generation, 0, c});
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
    // Written since it was asked: the answer is of the time before.
    if (writes_->Read(about.slot).hits != about.hits) continue;
    AnswerBlock(about.slot, found->blocks[i]);
  }
  for (size_t i = 0; i < asked.wishes.size(); ++i) {
    const Asked::About& about = asked.wishes[i];
    Slot& slot = slots_[static_cast<size_t>(about.slot)];
    if (slot.armed || slot.resume_ns != 0 ||
        slot.generation != about.generation) {
      continue;
    }
    AnswerSpot(about.slot, about.in_class, found->spots[i]);
    if (phase_ != Phase::kWatching) return;
  }
}

void BirthSession::AnswerBlock(int index, const BlockState& state) {
  Slot& slot = slots_[static_cast<size_t>(index)];
  if (!state.in_pool) return GiveUp(slot, index, counts_.other);
  if (!state.handed_out) {  // free, or free again: it may still be reached
    slot.next_look_ns = now_ns_ + slot.look_step_ns;
    slot.look_step_ns = std::min(2 * slot.look_step_ns, kLastLookStepNs);
    return;
  }
  if (slot.hits == 0) {
    if (slot.hits_before > 0) return GiveUp(slot, index, counts_.hot);
    ahead_ = std::min(2 * ahead_ + 1, kFarthestAhead);
    return GiveUp(slot, index, counts_.late);
  }
  if (state.type_address != type_ || !state.referenced) {
    return GiveUp(slot, index, counts_.other);
  }
  Accept(slot, index);
}

void BirthSession::Accept(Slot& slot, int index) {
  if (!writes_->Read(index).has_stack) {
    return GiveUp(slot, index, counts_.unread);
  }
  auto stack = writes_->ReadStack(index);
  if (!stack.ok()) return GiveUp(slot, index, counts_.unread);
  const BlockClass& blocks = classes_[slot.in_class].blocks;
  samples_.push_back({*std::move(stack), slot.block, blocks.block_bytes,
                      blocks.object_offset, slot.quiet_ns,
                      slot.hits_before + slot.hits});
  writes_->Disarm(index);
  slot.armed = false;
  ++slot.generation;
}

void BirthSession::AnswerSpot(int index, size_t in_class,
                              const BirthSpot& spot) {
  const bool taken =
      std::any_of(slots_.begin(), slots_.end(), [&spot](const Slot& slot) {
        return (slot.armed || slot.resume_ns != 0) && slot.block == spot.block;
      });
  if (spot.block == 0 || taken) {
    next_wish_ns_ = now_ns_ + kNoSpotNs;
    return;
  }
  Slot& slot = slots_[static_cast<size_t>(index)];
  slot.in_class = in_class;
  slot.block = spot.block;
  slot.hits_before = 0;
  if (Arm(slot, index)) ++counts_.armed;
}

// False: the session has ended.
bool BirthSession::Arm(Slot& slot, int index) {
  const BirthWord& word = classes_[slot.in_class].word;
  WriteWatch watch;
  watch.address = slot.block + word.watched;
  watch.type = type_;
  if (word.is_type()) watch.type_address = slot.block + word.type;
  if (word.gc_next >= 0) {
    watch.untracked_address = slot.block + static_cast<uint32_t>(word.gc_next);
  }
  slot.resume_ns = 0;
  if (absl::Status armed = writes_->Arm(index, watch); !armed.ok()) {
    Finish(std::move(armed));
    return false;
  }
  slot.armed = true;
  slot.hits = 0;
  slot.armed_ns = now_ns_;
  slot.quiet_ns = now_ns_;
  slot.next_look_ns = now_ns_;
  slot.look_step_ns = kFirstLookStepNs;
  ++slot.generation;
  return true;
}

void BirthSession::LookAtTheEnd() {
  if (samples_.empty()) return Finish(absl::OkStatus());
  BirthLook look;
  for (const BirthSample& sample : samples_) {
    look.blocks.push_back(
        {sample.block, sample.block_bytes, sample.object_offset});
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
    if (state.in_pool && state.handed_out && state.referenced &&
        state.type_address == type_) {
      stay.push_back(std::move(samples_[i]));
    } else {
      ++counts_.died;
    }
  }
  samples_ = std::move(stay);
  Finish(absl::OkStatus());
}

}  // namespace plimsoll::core
