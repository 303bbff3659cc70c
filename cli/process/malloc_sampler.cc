#include "cli/process/malloc_sampler.h"

#include <algorithm>
#include <utility>

#include "agent/bpf/hit_cost.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::cli {
namespace {

constexpr int64_t kLongestWindowNs = 10'000'000'000;
constexpr int64_t kShortestOfLongNs = 200'000'000;
constexpr int64_t kPollNs = 10'000'000;
// Of a window's budget. The rest is for its end: a window that is cut at its
// budget does not know what survived it.
constexpr double kUsedOfBudget = 0.8;
// Few and long: what survives a long window says more.
constexpr int64_t kBucketParts = 3;
constexpr uint32_t kSampleEvery = 16;
constexpr double kMostWindowShare = 0.2;  // of a core
constexpr int64_t kPilotNs = 50'000'000;
// Rows of one window whose callers are unwound; the rest keep what Python
// called.
constexpr size_t kMostUnwound = 512;

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// A window is over as soon as it is known to cost too much.
absl::Status Judge(const bpf::WindowProgress& now) {
  const double most = now.elapsed_ns > kPilotNs       ? kMostWindowShare
                      : now.elapsed_ns > kPilotNs / 3 ? 2 * kMostWindowShare
                                                      : 1e9;
  return core::JudgePilot(now.hits, now.elapsed_ns, now.cost_ns, most);
}

// Rows that matter come first, and their snapshots with them.
void RankRows(core::MallocCounts& counts) {
  std::sort(counts.rows.begin(), counts.rows.end(),
            [](const core::MallocRow& a, const core::MallocRow& b) {
              if (a.tally.surviving_bytes != b.tally.surviving_bytes) {
                return a.tally.surviving_bytes > b.tally.surviving_bytes;
              }
              return a.tally.allocated_bytes > b.tally.allocated_bytes;
            });
  std::vector<core::NativeSnapshot> ranked;
  ranked.reserve(counts.rows.size());
  for (core::MallocRow& row : counts.rows) {
    ranked.push_back(std::move(counts.snapshots[row.snapshot]));
    row.snapshot = static_cast<uint32_t>(ranked.size() - 1);
  }
  counts.snapshots = std::move(ranked);
}

}  // namespace

absl::StatusOr<MallocSampler> MallocSampler::Make(
    Target& target, const bpf::KernelSupport& kernel, int64_t total_ns) {
  PLIMSOLL_ASSIGN_OR_RETURN(auto probe, bpf::MallocProbe::Create(kernel));
  PLIMSOLL_ASSIGN_OR_RETURN(auto sites, target.FindMallocSites());
  PLIMSOLL_ASSIGN_OR_RETURN(const auto costs, bpf::CalibrateHitCosts(kernel));
  PLIMSOLL_ASSIGN_OR_RETURN(const double return_ns,
                            bpf::CalibrateReturnCost(kernel, costs));
  return MallocSampler(target, std::move(probe), std::move(sites), costs,
                       return_ns, total_ns);
}

MallocSampler::MallocSampler(Target& target, bpf::MallocProbe probe,
                             core::MallocSites sites, core::HitCosts costs,
                             double return_ns, int64_t total_ns)
    : target_(&target),
      probe_(std::move(probe)),
      sites_(std::move(sites)),
      costs_(costs),
      return_ns_(return_ns),
      pace_({.pid = target.subject().pid, .start_ticks = target.start_ticks()},
            total_ns,
            std::clamp(total_ns / 3, kShortestOfLongNs, kLongestWindowNs),
            kBucketParts) {}

absl::Status MallocSampler::Sample(Session& session) {
  const absl::Status status = SampleOnce(session);
  if (!absl::IsResourceExhausted(status) || sample_every_ > 1) return status;
  sample_every_ = kSampleEvery;
  pace_.ForgetRate();
  return absl::OkStatus();
}

absl::Status MallocSampler::SampleOnce(Session& session) {
  const int64_t duration_ns = pace_.WindowNs();
  PLIMSOLL_ASSIGN_OR_RETURN(
      const core::WindowGrant grant,
      pace_.Begin(bpf::ExpectedHitNs(sites_, costs_, return_ns_)));
  bpf::MallocWindowOptions options;
  options.hit_budget = grant.hit_budget;
  options.costs = costs_;
  options.return_ns = return_ns_;
  options.pilot_ns = 0;  // judged below, and paid for
  options.sample_every = sample_every_;
  PLIMSOLL_ASSIGN_OR_RETURN(options.mappings, target_->ReadMappings());
  const double most_hits =
      kUsedOfBudget * static_cast<double>(options.hit_budget);
  const int64_t began_ns = BoottimeNs();
  PLIMSOLL_ASSIGN_OR_RETURN(
      bpf::MallocWindow window,
      probe_.OpenWindow(target_->python(), sites_, std::move(options)));
  while (BoottimeNs() < began_ns + duration_ns &&
         static_cast<double>(window.Progress().hits) < most_hits) {
    window.Poll();
    if (const absl::Status pilot = Judge(window.Progress()); !pilot.ok()) {
      const bpf::WindowProgress spent = window.Progress();
      pace_.End(spent.hits, spent.cost_ns, spent.elapsed_ns);
      return pilot;
    }
    if (!session.interrupt.SleepUntil(
            std::min(began_ns + duration_ns, BoottimeNs() + kPollNs))) {
      break;
    }
  }
  bpf::MallocWindowResult result =
      window.Close([this](const std::vector<core::BlockClaim>& claims) {
        return target_->CheckChunks(claims);
      });
  pace_.End(result.progress.hits, result.progress.cost_ns,
            result.progress.elapsed_ns);
  return Add(std::move(result));
}

absl::Status MallocSampler::Add(bpf::MallocWindowResult result) {
  // Another program under the same pid: what was counted is of both.
  PLIMSOLL_ASSIGN_OR_RETURN(const auto now, target_->FindMallocSites());
  if (now.malloc_address != sites_.malloc_address) {
    return absl::NotFoundError("the process runs another program now");
  }
  core::MallocCounts& counts = result.counts;
  if (!first_left_out_ && seen_.windows == 1 &&
      result.progress.elapsed_ns > 2 * seen_.window_ns) {
    first_left_out_ = true;
    seen_ = {.stacks = {}, .hits = seen_.hits};
  }
  ++seen_.windows;
  seen_.window_ns += result.progress.elapsed_ns;
  seen_.hits += result.progress.hits;
  seen_.older_frees += counts.older_frees;
  seen_.not_kept += counts.not_kept;
  seen_.rung = result.rung;
  seen_.sample_every = std::max(seen_.sample_every, counts.sample_every);
  for (const auto& [label, count] : counts.drops) seen_.drops[label] += count;
  if (!counts.refusal.empty()) {
    seen_.refusal = counts.refusal;
  } else {
    ++seen_.windows_with_survivors_told;
    seen_.rest_ns = seen_.rest_ns == 0
                        ? counts.rest_ns
                        : std::min(seen_.rest_ns, counts.rest_ns);
  }
  RankRows(counts);
  if (counts.snapshots.size() > kMostUnwound) {
    seen_.rows_not_named +=
        static_cast<int64_t>(counts.snapshots.size() - kMostUnwound);
    counts.snapshots.resize(kMostUnwound);
  }
  PLIMSOLL_ASSIGN_OR_RETURN(const auto python,
                            NameStacks(*target_, counts.stacks, names_));
  PLIMSOLL_ASSIGN_OR_RETURN(const auto native,
                            target_->UnwindStacks(counts.snapshots));
  core::AddMallocRows(counts, python, native,
                      BaseName(target_->python().build.object_path),
                      seen_.stacks);
  return absl::OkStatus();
}

}  // namespace plimsoll::cli
