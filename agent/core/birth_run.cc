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
      if (now_ns_ - objects_.front().at_ns >= settle_ns_) Survey();
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
  look_(std::move(look),
        [this, alive = alive_](absl::StatusOr<BirthFindings> found) {
          if (!*alive) return;
          surveying_ = false;
          AnswerSurvey(std::move(found));
        });
}

void BirthRun::AnswerSurvey(absl::StatusOr<BirthFindings> found) {
  if (!found.ok()) return Finish(found.status());
  if (!found->survey) {
    return Finish(absl::InternalError("the heap's answer is of another look"));
  }
  objects_.push_back({now_ns_, ObjectsOf(*found->survey)});
  switch (phase_) {
    case Phase::kFirst:
      first_ = *std::move(found->survey);
      phase_ = Phase::kSettle;
      return;
    case Phase::kSettle:
      return Begin(*found->survey);
    default:
      return Finish(absl::OkStatus());
  }
}

void BirthRun::Begin(const BirthSurvey& survey) {
  const ObjectsAt& before = objects_.front();
  const double seconds = static_cast<double>(now_ns_ - before.at_ns) / 1e9;
  options_.objects_per_s =
      seconds > 0
          ? std::max(0.0,
                     static_cast<double>(ObjectsOf(survey) - before.objects) /
                         seconds)
          : 0;
  BirthOptions options = options_;
  options.duration_ns =
      std::max<int64_t>(options.duration_ns - (now_ns_ - begin_ns_), kNsPerMs);
  auto session = BirthSession::Create(
      python_, SurveyOfGrowth(first_, survey), options, writes_,
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
      " did not stay");
  if (c.budget_spent) absl::StrAppend(&why, "; the budget of hits was spent");
  return why;
}

RawProfile BirthRun::Profile(double ns_per_hit) const {
  RawProfile raw;
  StackProfile& profile = raw.profile;
  profile.kind = ProfileKind::kBirth;
  profile.begin_boottime_ns = begin_ns_;
  profile.end_boottime_ns = now_ns_;
  profile.coverage.method = "births followed to rest by watchpoints";
  profile.cost_ns_per_hit = ns_per_hit;
  const BirthCounts seen = counts();
  const double ns = static_cast<double>(now_ns_ - begin_ns_);
  if (ns > 0) {
    const auto hits = static_cast<double>(seen.hits);
    profile.hits_per_second = hits * 1e9 / ns;
    profile.target_cpu_share = hits * ns_per_hit / ns;
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

void BirthRun::AddRows(RawProfile& raw) const {
  const std::vector<BirthSample>& samples = session_->samples();
  std::vector<int64_t> born;
  for (const BirthSample& sample : samples) born.push_back(sample.born_ns);
  std::vector<double> weights;
  if (objects_.size() >= 3) weights = WeighBirths(born, objects_);
  std::vector<StackCount>& counts = raw.profile.counts;
  std::vector<double> objects;  // by row
  absl::flat_hash_map<std::vector<RawFrame>, size_t> rows;
  for (size_t i = 0; i < samples.size(); ++i) {
    const BirthSample& sample = samples[i];
    const auto [at, is_new] =
        rows.try_emplace(sample.stack.frames, counts.size());
    if (is_new) {
      StackCount count;
      count.stack_index = static_cast<uint32_t>(raw.stacks.size());
      count.probe = static_cast<ProbeKind>(0);  // none: a watchpoint
      count.type_address = type_address_;
      count.type = type_;
      count.block_bytes = sample.block_bytes;
      counts.push_back(count);
      raw.stacks.push_back(sample.stack);
      objects.push_back(0);
    }
    StackCount& count = counts[at->second];
    ++count.allocations;
    count.allocated_bytes += sample.block_bytes;
    if (!weights.empty()) objects[at->second] += weights[i];
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto n = static_cast<double>(counts[i].allocations);
    counts[i].weight = objects[i] / n;
    counts[i].surviving_objects = std::llround(objects[i]);
    counts[i].surviving_bytes = std::llround(
        counts[i].weight * static_cast<double>(counts[i].allocated_bytes));
  }
}

}  // namespace plimsoll::core
