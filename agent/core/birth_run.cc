#include "agent/core/birth_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::core {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kShortestSettleNs = 200 * kNsPerMs;
constexpr int64_t kLongestSettleNs = 2'000 * kNsPerMs;

int64_t ObjectsOf(const BirthSurvey& survey) {
  int64_t sum = 0;
  for (const BlockClass& c : survey.classes) sum += c.objects;
  return sum;
}

// Of the classes that grew.
int64_t GrowthBytes(const std::optional<BirthSurvey>& before,
                    const std::optional<BirthSurvey>& now) {
  if (!before || !now) return 0;
  int64_t sum = 0;
  for (const BlockClass& c : now->classes) {
    int64_t gained = c.objects;
    for (const BlockClass& then : before->classes) {
      if (SameClass(then, c)) gained -= then.objects;
    }
    const int32_t bytes = c.most_bytes != 0 ? c.step_bytes : c.block_bytes;
    sum += std::max<int64_t>(0, gained) * bytes;
  }
  return sum;
}

}  // namespace

BirthRun::BirthRun(const PythonProcess& python, std::string type,
                   uint64_t type_address, const BirthOptions& options,
                   WritePort* writes, LookFn look, int64_t now_ns)
    : python_(python),
      type_(std::move(type)),
      type_address_(type_address),
      options_(options),
      writes_(writes),
      look_(std::move(look)),
      begin_ns_(now_ns),
      settle_ns_(std::clamp(options.duration_ns / 10, kShortestSettleNs,
                            kLongestSettleNs)),
      now_ns_(now_ns) {}

void BirthRun::Tick(int64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  switch (phase_) {
    case Phase::kFirst:
      return Survey();
    case Phase::kSettle:
      if (ending_) return Finish(absl::CancelledError("ended early"));
      if (now_ns_ - first_at_ns_ >= settle_ns_) Survey();
      return;
    case Phase::kWatch:
      if (ending_) session_->EndEarly();
      session_->Tick(now_ns_);
      if (!session_->done()) return;
      if (!session_->status().ok()) return Finish(session_->status());
      phase_ = Phase::kLast;
      return Survey();
    case Phase::kLast:
      return Survey();
    case Phase::kDone:
      return;
  }
}

void BirthRun::EndEarly() { ending_ = true; }

void BirthRun::Finish(absl::Status status) {
  status_ = std::move(status);
  phase_ = Phase::kDone;
}

void BirthRun::Survey() {
  if (surveying_) return;
  surveying_ = true;
  BirthLook look;
  look.survey_type = type_address_;
  look.survey_chunks = phase_ != Phase::kLast || chunks_;
  look_(std::move(look),
        [this, alive = alive_](absl::StatusOr<BirthFindings> found) {
          if (!*alive) return;
          surveying_ = false;
          AnswerSurvey(std::move(found));
        });
}

void BirthRun::AnswerSurvey(absl::StatusOr<BirthFindings> found) {
  if (!found.ok()) return Finish(found.status());
  const bool asked_pools = type_address_ != 0;
  if ((asked_pools && !found->survey) ||
      (!asked_pools && !found->chunk_survey)) {
    return Finish(absl::InternalError("the heap's answer is of another look"));
  }
  switch (phase_) {
    case Phase::kFirst:
      first_at_ns_ = now_ns_;
      first_ = std::move(found->survey);
      first_chunks_ = std::move(found->chunk_survey);
      phase_ = Phase::kSettle;
      return;
    case Phase::kSettle:
      return Begin(*std::move(found));
    default: {
      std::optional<BirthSurvey>& last =
          chunks_ ? found->chunk_survey : found->survey;
      // Without it there are samples, but no counts.
      if (last) {
        last_ = *std::move(last);
        objects_.push_back({now_ns_, ObjectsOf(last_)});
      }
      return Finish(absl::OkStatus());
    }
  }
}

void BirthRun::Begin(BirthFindings found) {
  chunks_ =
      type_address_ == 0 || GrowthBytes(first_chunks_, found.chunk_survey) >
                                GrowthBytes(first_, found.survey);
  const BirthSurvey& before = chunks_ ? *first_chunks_ : *first_;
  const BirthSurvey& now = chunks_ ? *found.chunk_survey : *found.survey;
  objects_ = {{first_at_ns_, ObjectsOf(before)}, {now_ns_, ObjectsOf(now)}};
  if (type_address_ == 0 && GrowthBytes(before, now) == 0) {
    return Finish(absl::FailedPreconditionError(
        "no chunks of malloc became more (blocks with a mapping of their own "
        "are not followed)"));
  }
  const BirthSurvey grown = SurveyOfGrowth(before, now);
  const double seconds = static_cast<double>(now_ns_ - first_at_ns_) / 1e9;
  const int64_t gained = chunks_ && GrowthBytes(before, now) > 0
                             ? ObjectsOf(grown)
                             : ObjectsOf(now) - ObjectsOf(before);
  options_.objects_per_s =
      seconds > 0 ? std::max(0.0, static_cast<double>(gained) / seconds) : 0;
  BirthOptions options = options_;
  options.duration_ns =
      std::max<int64_t>(options.duration_ns - (now_ns_ - begin_ns_), kNsPerMs);
  auto session = BirthSession::Create(
      python_, grown, options, writes_,
      [this](BirthLook look, BirthSession::LookDone done) {
        look_(std::move(look), std::move(done));
      },
      now_ns_);
  if (!session.ok()) return Finish(session.status());
  session_ = *std::move(session);
  phase_ = Phase::kWatch;
}

BirthCounts BirthRun::counts() const {
  return session_ == nullptr ? BirthCounts{} : session_->counts();
}

int64_t BirthRun::grown() const {
  if (objects_.size() < 3) return 0;
  return std::max<int64_t>(0,
                           objects_.back().objects - objects_.front().objects);
}

std::string BirthRun::WhyNone() const {
  if (!status_.ok()) return std::string(status_.message());
  const BirthCounts c = counts();
  std::string why = absl::StrCat(
      "no birth was followed to rest: of ", c.armed, " blocks watched, ", c.hot,
      " were written too often, ", c.unreached, " were not reached, ", c.late,
      " were taken before, ", c.other, " became something else, ", c.died,
      " did not stay, ", c.starved, " rested while the process hardly ran");
  if (c.budget_spent) absl::StrAppend(&why, "; the budget was spent");
  return why;
}

RawProfile BirthRun::Profile() const {
  RawProfile raw;
  StackProfile& profile = raw.profile;
  profile.kind =
      type_address_ == 0 ? ProfileKind::kNative : ProfileKind::kBirth;
  profile.begin_boottime_ns = begin_ns_;
  profile.end_boottime_ns = now_ns_;
  profile.coverage.method = "births followed to rest by watchpoints";
  profile.cost_ns_per_hit = writes_->NsPerHit();
  const BirthCounts seen = counts();
  const double ns = static_cast<double>(now_ns_ - begin_ns_);
  if (ns > 0) {
    profile.hits_per_second = static_cast<double>(seen.hits) * 1e9 / ns;
    profile.target_cpu_share = seen.cost_ns / ns;
    profile.slowed_share = seen.slowed_share;
  }
  if (session_ == nullptr || session_->samples().empty()) {
    profile.refusal = WhyNone();
    return raw;
  }
  profile.coverage.seen = static_cast<int64_t>(session_->samples().size());
  profile.coverage.total = profile.coverage.seen + seen.hot + seen.unread;
  AddRows(raw);
  return raw;
}

std::vector<double> BirthRun::Weights() const {
  if (objects_.size() < 3) return {};
  if (chunks_) return ChunkWeights();
  std::vector<int64_t> born;
  for (const BirthSample& sample : session_->samples()) {
    born.push_back(sample.born_ns);
  }
  return WeighBirths(born, objects_);
}

// Classes are sampled by bytes, not by objects: each sample stands for its part
// of its own class' growth.
std::vector<double> BirthRun::ChunkWeights() const {
  const std::vector<BirthSample>& samples = session_->samples();
  const std::vector<BlockClass>& classes = session_->classes();
  std::vector<int64_t> taken(classes.size());
  for (const BirthSample& sample : samples) ++taken[sample.in_class];
  std::vector<double> weights;
  for (const BirthSample& sample : samples) {
    int64_t gained = 0;
    for (const BlockClass& c : last_.classes) {
      if (SameClass(c, classes[sample.in_class])) gained += c.objects;
    }
    for (const BlockClass& c : first_chunks_->classes) {
      if (SameClass(c, classes[sample.in_class])) gained -= c.objects;
    }
    weights.push_back(static_cast<double>(std::max<int64_t>(0, gained)) /
                      static_cast<double>(taken[sample.in_class]));
  }
  return weights;
}

void BirthRun::AddRows(RawProfile& raw) const {
  const std::vector<BirthSample>& samples = session_->samples();
  const std::vector<double> weights = Weights();
  std::vector<StackCount>& counts = raw.profile.counts;
  std::vector<double> objects;  // by row
  std::vector<double> bytes;
  absl::flat_hash_map<std::vector<RawFrame>, size_t> rows;
  for (size_t i = 0; i < samples.size(); ++i) {
    const BirthSample& sample = samples[i];
    size_t at = counts.size();
    if (raw.profile.kind == ProfileKind::kBirth) {
      at = rows.try_emplace(sample.stack.frames, at).first->second;
    } else {
      raw.snapshots.push_back(sample.native.value_or(NativeSnapshot{}));
    }
    if (at == counts.size()) {
      StackCount count;
      count.stack_index = static_cast<uint32_t>(raw.stacks.size());
      count.probe = static_cast<ProbeKind>(0);  // none: a watchpoint
      count.type_address = type_address_;
      count.type = type_;
      count.block_bytes = static_cast<int32_t>(sample.block_bytes);
      counts.push_back(count);
      raw.stacks.push_back(sample.stack);
      objects.push_back(0);
      bytes.push_back(0);
    }
    StackCount& count = counts[at];
    ++count.allocations;
    count.allocated_bytes += sample.block_bytes;
    if (weights.empty()) continue;
    objects[at] += weights[i];
    bytes[at] += weights[i] * static_cast<double>(sample.block_bytes);
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto n = static_cast<double>(counts[i].allocations);
    counts[i].weight = objects[i] / n;
    counts[i].surviving_objects = std::llround(objects[i]);
    counts[i].surviving_bytes = std::llround(bytes[i]);
  }
}

}  // namespace plimsoll::core
