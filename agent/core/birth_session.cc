#include "agent/core/birth_session.h"

#include <algorithm>
#include <utility>

#include "plimsoll/base/status_macros.h"

namespace plimsoll::core {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000 * kNsPerMs;
constexpr int64_t kShortestRestNs = kNsPerSecond / 2;
constexpr int64_t kLongestRestNs = 3 * kNsPerSecond;
// Of the process, while a block rests: some hundred turns of a loop that makes
// and drops objects. More would keep a process that sleeps most of its time,
// and leaks a few objects a second, waiting for longer than it is watched.
constexpr int64_t kRestCpuNs = kNsPerMs / 5;
constexpr int64_t kShortestPatienceNs = 2 * kNsPerSecond;
constexpr int64_t kLongestPatienceNs = 60 * kNsPerSecond;
constexpr int64_t kFirstLookStepNs = 20 * kNsPerMs;  // doubled each time
// Churn writes again within microseconds.
constexpr int64_t kStillWrittenNs = kNsPerMs;
// Of a block that is kept sooner every write is seen.
constexpr uint64_t kHitsBeforeBlinks = 500;
// Of a writer that runs: one that waits for the GIL gains nothing in a blink.
constexpr int64_t kWritingNs = kNsPerMs / 10;
// Giving up wastes what was spent: a block that is written a thousand times
// before it is kept must be waited for.
constexpr double kSamplesPerBudget = 4;
constexpr double kWaitsPerBudget = 16;
constexpr size_t kMostClasses = 8;
constexpr size_t kMostSamples = 4096;
constexpr size_t kMostChunkSamples = 512;  // each with a copy of a stack
// A chunk is watched one at a time: a spot that is not reached must not hold
// the others up. In this time so many chunks of the rate are made.
constexpr double kChunksOfPatience = 100;
constexpr int64_t kShortestChunkPatienceNs = 200 * kNsPerMs;
constexpr int64_t kLongestChunkPatienceNs = 10 * kNsPerSecond;
constexpr int32_t kLargestCachedChunk = 1040;
constexpr int32_t kLargestPooledBytes = 512;
constexpr uint64_t kUnsortedLink = 96;  // in struct malloc_state

BirthOptions WithDefaults(BirthOptions options, bool chunks,
                          double ns_per_hit) {
  if (options.rest_ns == 0) {
    options.rest_ns = chunks ? kShortestRestNs
                             : std::clamp(options.duration_ns / 20,
                                          kShortestRestNs, kLongestRestNs);
  }
  if (options.max_hits_per_sample == 0) {
    options.max_hits_per_sample = static_cast<uint64_t>(
        std::max(1.0, options.budget_ns / ns_per_hit / kSamplesPerBudget));
  }
  return options;
}

bool OfChunks(const std::vector<BlockClass>& classes) {
  return classes.front().most_bytes != 0;
}

// Of chunks, which are watched by what malloc writes. What is over the size of
// a pool's block passes no free list.
bool PassesAFreeList(const BirthSurvey& survey, const BlockClass& blocks,
                     const PythonProcess& python) {
  if (survey.type_address == 0 || blocks.block_bytes > kLargestPooledBytes) {
    return false;
  }
  const auto word = FindBirthWord(survey, blocks, python);
  return !word.ok() || !word->is_type();
}

int64_t FirstPatienceNs(const BirthOptions& options, bool chunks) {
  if (chunks && options.objects_per_s > 0) {
    return std::clamp(
        static_cast<int64_t>(kChunksOfPatience / options.objects_per_s * 1e9),
        kShortestChunkPatienceNs, kLongestChunkPatienceNs);
  }
  return std::clamp(options.duration_ns / 4, kShortestPatienceNs,
                    kLongestPatienceNs);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BirthSession>> BirthSession::Create(
    const PythonProcess& python, const BirthSurvey& survey,
    const BirthOptions& options, WritePort* writes, LookFn look,
    int64_t now_ns) {
  absl::Status refusal = absl::UnimplementedError(
      "no live object of the type stands in a pool (over 512 bytes, or gone)");
  std::vector<BlockClass> classes;
  std::vector<BirthWord> words;
  for (const BlockClass& blocks : survey.classes) {
    if (classes.size() == kMostClasses) break;
    if (blocks.most_bytes != 0) {
      if (survey.malloc_end == 0 || survey.sources.empty()) continue;
      if (PassesAFreeList(survey, blocks, python)) {
        refusal = absl::UnimplementedError(
            "a free list hands on objects of type " + survey.tp_name +
            ": malloc, which makes them here, sees few of their births");
        continue;
      }
      classes.push_back(blocks);
      continue;
    }
    if (blocks.list_head == 0) continue;
    auto word = FindBirthWord(survey, blocks, python);
    if (!word.ok()) {
      refusal = word.status();
      continue;
    }
    classes.push_back(blocks);
    words.push_back(*word);
  }
  if (classes.empty()) return refusal;
  PLIMSOLL_ASSIGN_OR_RETURN(const int slots, writes->Slots(OfChunks(classes)));
  if (slots == 0) {
    return absl::FailedPreconditionError("no debug register is free");
  }
  auto session = std::unique_ptr<BirthSession>(new BirthSession(
      survey, std::move(classes), options, writes, std::move(look), now_ns));
  session->words_ = std::move(words);
  session->slots_.resize(static_cast<size_t>(slots));
  return session;
}

BirthSession::BirthSession(const BirthSurvey& survey,
                           std::vector<BlockClass> classes,
                           const BirthOptions& options, WritePort* writes,
                           LookFn look, int64_t now_ns)
    : options_(WithDefaults(options, OfChunks(classes), writes->NsPerHit())),
      writes_(writes),
      look_(std::move(look)),
      type_(survey.type_address),
      malloc_begin_(survey.malloc_begin),
      malloc_end_(survey.malloc_end),
      classes_(std::move(classes)),
      picker_(classes_, survey.sources, options.objects_per_s, options.seed),
      patience_ns_(FirstPatienceNs(options_, OfChunks(classes_))),
      now_ns_(now_ns),
      end_ns_(now_ns + options.duration_ns),
      allowance_(options.pace, now_ns),
      blink_(options.seed) {}

void BirthSession::Tick(int64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  if (phase_ == Phase::kWatching) {
    CountCost();
    for (size_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (slot.armed) Watch(slot, static_cast<int>(i));
      if (slot.resume_ns == 0 || now_ns_ < slot.resume_ns) continue;
      if (!Arm(slot, static_cast<int>(i))) return;
    }
    counts_.budget_spent = counts_.cost_ns >= options_.budget_ns;
    const size_t most = OfChunks(classes_) ? kMostChunkSamples : kMostSamples;
    if (now_ns_ >= end_ns_ || counts_.budget_spent || samples_.size() >= most) {
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
  counts_.hits += hits;
  slot.hits = reading.hits;
  slot.births = reading.births;
  if (reading.marks != slot.marks) {
    if (slot.marks == 0) picker_.Reached(slot.pick);
    slot.marks = reading.marks;
    slot.quiet_ns = now_ns_;
    slot.quiet_cpu_ns = writes_->CpuNs();
  }
  if (slot.hits_before + slot.hits > options_.max_hits_per_sample) {
    return GiveUp(slot, index, counts_.hot);
  }
  // A block that the last write of a burst keeps is not looked away from.
  const bool still_written = reading.unwritten_ns < kStillWrittenNs;
  if (hits > 0 && still_written) {
    if (allowance_.spent()) return Pause(slot, index);
    if (reading.unwritten_ns < kWritingNs) Blink(slot, index);
    if (!slot.armed) return;
  }
  const int64_t left_alone_ns =
      now_ns_ - std::max(slot.armed_ns, slot.quiet_ns);
  if (slot.marks > 0) {
    // It serves what comes and goes, as some blocks of a free list do for good.
    if (now_ns_ - slot.armed_ns > PatienceNs() + 2 * RestNs() &&
        left_alone_ns < RestNs()) {
      picker_.Busy(slot.pick);
      return GiveUp(slot, index, counts_.hot);
    }
    if (left_alone_ns <= 2 * RestNs() + PatienceNs()) return;
    // What rests and was not accepted is free.
    return GiveUp(slot, index,
                  Rests(slot) ? counts_.unreached : counts_.starved);
  }
  if (left_alone_ns <= PatienceNs()) return;
  picker_.NotReached(slot.pick);
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

// Only the last writer, and while the others wait for it: they are watched.
// Where enough blocks are seen to their end nothing is left unwatched.
void BirthSession::Blink(Slot& slot, int index) {
  if (counts_.hot <= 2 * (static_cast<int64_t>(samples_.size()) + 1)) return;
  if (slot.hits_before + slot.hits < kHitsBeforeBlinks) return;
  if (slot.blinked_at) blink_.WentOn();
  const auto done = writes_->Blink(index, blink_.DrawNs());
  if (!done.ok()) return GiveUp(slot, index, counts_.hot);
  if (!*done) return;
  slot.blinked_at = writes_->Read(index).births;
  ++counts_.blinks;
}

bool BirthSession::Rests(const Slot& slot) const {
  // What was kept in a blink is no sample: it must only outlast the turns of
  // other threads, while its maker waits for the GIL.
  const int64_t rest_ns =
      BlinkedSince(slot) ? std::min(kShortestRestNs, RestNs()) : RestNs();
  return slot.marks > 0 && now_ns_ - slot.quiet_ns >= rest_ns &&
         writes_->CpuNs() - slot.quiet_cpu_ns >= kRestCpuNs;
}

void BirthSession::CountCost() {
  const bool stood = std::any_of(slots_.begin(), slots_.end(),
                                 [](const Slot& slot) { return slot.armed; });
  slowdown_.Tick(stood, writes_->Samples(), writes_->CpuNs());
  counts_.slowed_share = slowdown_.lost_share();
  counts_.cost_ns = static_cast<double>(counts_.hits + slowdown_.samples()) *
                        writes_->NsPerHit() +
                    slowdown_.lost_ns();
}

// Of a wait, the part that costs the target little of the budget.
int64_t BirthSession::Afforded(int64_t wanted_ns) const {
  const double most_ns = options_.budget_ns / kWaitsPerBudget /
                         std::max(counts_.slowed_share, 1e-3);
  return std::clamp(static_cast<int64_t>(most_ns),
                    std::min(kShortestRestNs, wanted_ns), wanted_ns);
}

// A sample's worth ahead of the even pace: a block amid heavy churn takes its
// hits within milliseconds.
bool BirthSession::Affordable() const {
  const double elapsed =
      1 - static_cast<double>(end_ns_ - now_ns_) /
              static_cast<double>(std::max<int64_t>(options_.duration_ns, 1));
  return counts_.cost_ns <=
         elapsed * options_.budget_ns +
             static_cast<double>(options_.max_hits_per_sample) *
                 writes_->NsPerHit();
}

WriteWatch BirthSession::WatchOf(const Slot& slot) const {
  const BlockClass& blocks = classes_[slot.pick.in_class];
  WriteWatch watch;
  watch.address = slot.spot.block;
  if (blocks.most_bytes != 0) {
    const bool first = slot.hits_before == 0;
    const ChunkSource& source = picker_.source_of(slot.pick);
    ChunkWatch& chunk = watch.chunk.emplace();
    chunk.malloc_begin = malloc_begin_;
    chunk.malloc_end = malloc_end_;
    chunk.least_bytes = blocks.block_bytes;
    chunk.most_bytes = blocks.most_bytes;
    chunk.chunk_bytes = slot.spot.chunk_bytes;
    // What no cache holds is taken as a whole once it was handed back: the head
    // behind it tells. Where it will be is known where most have one size.
    if (chunk.chunk_bytes == 0 && blocks.most_bytes > kLargestCachedChunk) {
      chunk.chunk_bytes = blocks.step_bytes;
    }
    if (source.kind != ChunkSource::Kind::kCache &&
        blocks.most_bytes != blocks.block_bytes) {
      chunk.unsorted = source.address + kUnsortedLink;
    }
    chunk.head = first ? slot.spot.head : 0;
    chunk.next_head = first ? slot.spot.next_head : 0;
    return watch;
  }
  const BirthWord& word = words_[slot.pick.in_class];
  watch.address += word.watched;
  watch.type = type_;
  if (word.is_type()) watch.type_address = slot.spot.block + word.type;
  if (word.gc_next >= 0) {
    watch.untracked_address =
        slot.spot.block + static_cast<uint32_t>(word.gc_next);
  }
  return watch;
}

// False: the session has ended.
bool BirthSession::Arm(Slot& slot, int index) {
  slot.resume_ns = 0;
  if (absl::Status armed = writes_->Arm(index, WatchOf(slot)); !armed.ok()) {
    Finish(std::move(armed));
    return false;
  }
  slot.armed = true;
  slot.hits = 0;
  slot.marks = 0;
  slot.births = 0;
  slot.blinked_at.reset();
  slot.armed_ns = now_ns_;
  slot.quiet_ns = now_ns_;
  slot.next_look_ns = now_ns_;
  slot.look_step_ns = kFirstLookStepNs;
  ++slot.generation;
  return true;
}

}  // namespace plimsoll::core
