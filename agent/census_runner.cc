#include "agent/census_runner.h"

#include <utility>

#include "agent/core/implausible_heap.h"

namespace plimsoll::agent {
namespace {

using core::CensusKind;
using core::Tier;

// What may be saved up for processes that grow.
constexpr int64_t kBurstNs = 3'000'000'000;
// The first look at some small heaps at once; the rest one by one.
constexpr double kRoutineShare = 0.16;
constexpr int64_t kRoutineBurstNs = 150'000'000;
constexpr int64_t kPatience = 10;  // periods
// Of a larger heap a sample is read: some two seconds of CPU.
constexpr int64_t kMostScanBytes = int64_t{4} << 30;

int64_t LiveBytes(const core::HeapCensus& census) {
  int64_t bytes = 0;
  for (const core::SizeClass& size_class : census.size_classes) {
    bytes += size_class.blocks_live * size_class.block_bytes;
  }
  return bytes;
}

}  // namespace

CensusRunner::CensusRunner(const Config& config, ProcessTable* table,
                           core::Inspector* inspector, core::Clock* clock,
                           std::function<int64_t()> cpu_ns)
    : table_(table),
      inspector_(inspector),
      clock_(clock),
      cpu_ns_(std::move(cpu_ns)),
      budget_(config.cpu_budget, kBurstNs),
      routine_(config.cpu_budget * kRoutineShare, kRoutineBurstNs),
      period_ns_(config.census_period_ns) {}

void CensusRunner::RunDue() {
  int64_t now = clock_->BoottimeNs();
  budget_.Update(now, cpu_ns_());
  routine_.Update(now, routine_cpu_ns_);
  if (busy_ || BeginAsked()) return;
  const core::ProcessId* next = nullptr;
  bool routine = false;
  if (budget_.MayBegin()) {
    next = MostOverdue(true, now);
    routine = next == nullptr && routine_.MayBegin();
    if (routine) next = MostOverdue(false, now);
  }
  if (next == nullptr) return Defer(now);
  WatchedProcess& process = *table_->Find(*next);
  bool headers_only = process.schedule.Due(now) == CensusKind::kHeaders;
  Begin(*next, headers_only, routine, nullptr);
}

bool CensusRunner::BeginAsked() {
  while (!asked_.empty()) {
    Asked asked = std::move(asked_.front());
    asked_.pop_front();
    WatchedProcess* process = table_->Find(asked.id);
    if (process != nullptr && process->python) {
      Begin(asked.id, false, false, std::move(asked.done));
      return true;
    }
    asked.done(process == nullptr ? absl::NotFoundError("the process has ended")
                                  : absl::UnimplementedError(process->refusal));
  }
  return false;
}

bool CensusRunner::Urgent(const WatchedProcess& process, int64_t now) const {
  return process.schedule.growing() ||
         process.schedule.OverdueNs(now) >= kPatience * period_ns_;
}

const core::ProcessId* CensusRunner::MostOverdue(bool urgent, int64_t now) {
  const core::ProcessId* best = nullptr;
  int64_t longest = -1;
  for (auto& [id, process] : table_->processes()) {
    if (!process.python || process.schedule.Due(now) == CensusKind::kNone ||
        Urgent(process, now) != urgent) {
      continue;
    }
    int64_t overdue = process.schedule.OverdueNs(now);
    if (overdue > longest) {
      longest = overdue;
      best = &id;
    }
  }
  return best;
}

// Counts, once for each look, the urgent ones that come late by a period; that
// the others wait their turn is no loss.
void CensusRunner::Defer(int64_t now) {
  for (auto& [id, process] : table_->processes()) {
    if (!process.python || process.schedule.Due(now) == CensusKind::kNone ||
        !Urgent(process, now) || process.schedule.OverdueNs(now) < period_ns_) {
      continue;
    }
    if (std::exchange(process.deferred, true)) continue;
    ++process.losses["cpu_budget"];
    ++statistics_.deferred;
  }
}

void CensusRunner::TakeNow(const core::ProcessId& id, Done done) {
  asked_.push_back({id, std::move(done)});
  RunDue();
}

void CensusRunner::Begin(const core::ProcessId& id, bool headers_only,
                         bool routine, Done done) {
  busy_ = true;
  WatchedProcess& process = *table_->Find(id);
  process.deferred = false;
  core::CensusOptions options;
  options.headers_only = headers_only;
  options.max_scan_bytes = kMostScanBytes;
  options.seed = static_cast<uint64_t>(clock_->BoottimeNs());
  inspector_->TakeCensus(
      *process.python, options,
      [this, alive = alive_, id, headers_only, routine, begin_ns = cpu_ns_(),
       done = std::move(done)](absl::StatusOr<core::HeapCensus> census) {
        if (!*alive) return;
        busy_ = false;
        if (routine) routine_cpu_ns_ += cpu_ns_() - begin_ns;
        if (done) {
          absl::StatusOr<core::HeapCensus> copy = census;
          Finish(id, headers_only, std::move(census));
          done(std::move(copy));
        } else {
          Finish(id, headers_only, std::move(census));
        }
        RunDue();
      });
}

void CensusRunner::Finish(const core::ProcessId& id, bool headers_only,
                          absl::StatusOr<core::HeapCensus> census) {
  if (census.ok()) {
    double seconds = static_cast<double>(census->duration_ns) / 1e9;
    statistics_.seconds += seconds;
    statistics_.last_seconds = seconds;
    ++(headers_only ? statistics_.headers : statistics_.full);
    statistics_.implausible_claims += census->implausible_claims;
    statistics_.implausible += core::IsImplausible(*census) ? 1 : 0;
  } else {
    ++statistics_.failed;
  }
  WatchedProcess* process = table_->Find(id);
  if (process == nullptr) return;  // it ended meanwhile
  if (!census.ok()) {
    RecordFailure(*process, census.status());
    return;
  }
  Record(*process, headers_only, *std::move(census));
}

void CensusRunner::Record(WatchedProcess& process, bool headers_only,
                          core::HeapCensus census) {
  int64_t now = clock_->BoottimeNs();
  int64_t live = LiveBytes(census);
  if (census.read_faults > 0) {
    process.losses["heap_read_fault"] += census.read_faults;
  }
  process.SetTier(Tier::kHeaders, true, "", "read");
  if (headers_only) {
    process.schedule.HeadersTaken(now, live);
    // A full census that was not reported yet says more.
    if (process.census && !process.census_headers_only) return;
  } else {
    int64_t anon = process.last_memory ? process.last_memory->anon_bytes +
                                             process.last_memory->swap_bytes
                                       : 0;
    process.schedule.CensusTaken(now, anon, live);
    process.SetTier(Tier::kCensus, true, "", "read");
  }
  process.census = std::move(census);
  process.census_headers_only = headers_only;
}

void CensusRunner::RecordFailure(WatchedProcess& process,
                                 const absl::Status& status) {
  process.schedule.Postpone(clock_->BoottimeNs());
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      ++process.losses["process_gone"];
      return;  // the next scan takes it out
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kResourceExhausted: {
      // A heap that kills its reader is not tried again in this life of it.
      ++process.losses["inspector_crashed"];
      process.refusal = std::string(status.message());
      process.python.reset();
      break;
    }
    case absl::StatusCode::kDeadlineExceeded:
      ++process.losses["inspector_timeout"];
      break;
    default:
      break;
  }
  std::string reason(status.message());
  process.SetTier(Tier::kHeaders, false, reason, "");
  process.SetTier(Tier::kCensus, false, reason, "");
}

}  // namespace plimsoll::agent
