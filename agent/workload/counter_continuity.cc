#include "agent/workload/counter_continuity.h"

#include <cmath>
#include <cstdio>

#include "absl/hash/hash.h"
#include "agent/workload/request_filter.h"

namespace plimsoll::workload {
namespace {

constexpr size_t kMostLevels = 1000;
// So many answers, that of the fall among them, without another fall: then it
// was a reset.
constexpr int kAnswersOfAReset = 4;
constexpr int kFallsOfWorkers = 2;
// The clock tick that start times are counted in is 0.01 s.
constexpr double kHalfTickS = 0.006;
// Boot time in whole seconds, and a clock that was set meanwhile.
constexpr double kStartToleranceS = 2.5;

constexpr char kRemedy[] =
    "; run it with prometheus_client's multiprocess mode "
    "(PROMETHEUS_MULTIPROC_DIR)";

std::string Number(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.15g", value);
  return text;
}

bool HasOther(const core::RequestCount& count) {
  for (const auto& [label, value] : count.attributes) {
    if (value == kOther) return true;
  }
  return false;
}

}  // namespace

// A client adds the ticks since boot, of which a second has a hundred, to a
// boot time in whole seconds: so the fraction is that of the process itself,
// which tells workers apart that were forked one after the other.
bool CounterContinuity::IsOwnStart(double answered_unix_s) const {
  const double since_boot = answered_unix_s - start_s_;
  return std::abs(since_boot - std::round(since_boot)) < kHalfTickS &&
         std::abs(answered_unix_s - start_unix_s_) < kStartToleranceS;
}

std::string CounterContinuity::WhyAnother(
    const core::RequestAnswer& answer) const {
  const std::string sharers = std::to_string(answer.sharers);
  if (answer.answering_pid && *answer.answering_pid != namespace_pid_) {
    return "process " + std::to_string(*answer.answering_pid) +
           " answered for it (process_pid)";
  }
  if (answered_start_ && answer.start_unix_s &&
      std::abs(*answered_start_ - *answer.start_unix_s) > kHalfTickS) {
    return "its answers come from processes that started at different times "
           "(process_start_time_seconds " +
           Number(*answered_start_) + " and " + Number(*answer.start_unix_s) +
           ")";
  }
  // Of one process the oldest counter gets younger when it is removed, never
  // older.
  if (first_created_ && answer.first_created_unix_s &&
      *answer.first_created_unix_s < *first_created_ - kHalfTickS) {
    return "a counter in its answers is older than before (_created): another "
           "process gave it";
  }
  if (answer.sharers == 0) return "";
  if (answer.twins > 0) {
    return "it shares its port with " + sharers +
           " more, of which some started in the same moment or are not known: "
           "answers do not say whose they are";
  }
  if (!answer.start_unix_s) {
    return "it shares its port with " + sharers +
           " more, and answers do not say whose they are (no "
           "process_start_time_seconds)";
  }
  if (!IsOwnStart(*answer.start_unix_s)) {
    return "it shares its port with " + sharers +
           " more, and one of them answered for it "
           "(process_start_time_seconds)";
  }
  return "";
}

// "" or why the counts jump.
std::string CounterContinuity::CheckLevels(const core::RequestAnswer& answer) {
  bool fell = false;
  std::string jump;
  for (const core::RequestCount& count : answer.counts.counts) {
    // What is summed as the rest changes with what is in it; gauges fall.
    if (count.gauge || HasOther(count)) continue;
    const uint64_t key = absl::Hash<std::pair<
        std::string, std::vector<std::pair<std::string, std::string>>>>{}(
        {count.metric, count.attributes});
    auto known = levels_.find(key);
    if (known == levels_.end()) {
      if (levels_.size() < kMostLevels) levels_[key].last = count.value;
      continue;
    }
    Level& level = known->second;
    const double step = count.value - level.last;
    if (step < 0) {
      fell = true;
      level.fallen_from = std::max(level.fallen_from, level.last);
      level.fallen_to = count.value;
      fall_ = count.metric + " fell from " + Number(level.last) + " to " +
              Number(count.value) + " without a restart";
    } else if (level.fallen_from >= 0 && count.value >= level.fallen_from) {
      // Back in one step, as no count does that began anew.
      if (step > (level.fallen_from - level.fallen_to) / 2) {
        jump = fall_ + " and rose to " + Number(count.value);
      }
      level.fallen_from = -1;
    }
    level.last = count.value;
  }
  if (fell) {
    ++falls_;
    wait_ = kAnswersOfAReset;
  }
  if (jump.empty() && fell && falls_ >= kFallsOfWorkers) {
    jump = fall_ + ", and not for the first time";
  }
  return jump.empty() ? "" : jump + ": several processes answer in turn";
}

absl::Status CounterContinuity::Check(const core::RequestAnswer& answer) {
  if (refusal_.empty()) refusal_ = WhyAnother(answer);
  if (refusal_.empty()) refusal_ = CheckLevels(answer);
  if (!refusal_.empty()) {
    levels_.clear();
    return absl::FailedPreconditionError(
        "counters of several workers: " + refusal_ + kRemedy);
  }
  if (answer.start_unix_s) answered_start_ = answer.start_unix_s;
  if (answer.first_created_unix_s) first_created_ = answer.first_created_unix_s;
  if (wait_ > 0 && --wait_ > 0) {
    return absl::UnavailableError(
        fall_ +
        ": a reset, or another worker's count; the next answers show "
        "which");
  }
  if (wait_ == 0 && falls_ > 0) falls_ = 0;  // it was a reset
  return absl::OkStatus();
}

}  // namespace plimsoll::workload
