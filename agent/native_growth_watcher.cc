#include "agent/native_growth_watcher.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/core/fault_judge.h"
#include "plimsoll/base/status_macros.h"

namespace plimsoll::agent {
namespace {

using core::Tier;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kProfileNs = 60 * kNsPerSecond;
// Between two looks; six of them fill one request of unwinding.
constexpr uint64_t kSamplesPerLook = 40;
// Where it could not be measured, as in bpf_probes.cc, with the copy of a
// stack.
constexpr double kAssumedFaultNs = 2'000;
constexpr double kAssumedCopyNs = 5'000;

}  // namespace

absl::Status NativeGrowthWatcher::Watch(const core::ProcessId& id) {
  if (!probe_) {
    PLIMSOLL_ASSIGN_OR_RETURN(probe_, bpf::NativeProbe::Create(kernel_));
  }
  Target target;
  PLIMSOLL_RETURN_IF_ERROR(Attach(id, target));
  targets_.insert_or_assign(id, std::move(target));
  return absl::OkStatus();
}

absl::Status NativeGrowthWatcher::Attach(const core::ProcessId& id,
                                         Target& target) {
  bpf::NativeOptions options;
  options.sample_period = target.period;
  options.max_samples_per_take = kSamplesPerLook;
  PLIMSOLL_RETURN_IF_ERROR(
      probe_->Watch(core::RefusedProcess(id.pid, id.start_ticks), options));
  target.attached = true;
  target.refusal.clear();
  target.drops.clear();
  return absl::OkStatus();
}

void NativeGrowthWatcher::Unwatch(const core::ProcessId& id) {
  const auto it = targets_.find(id);
  if (it == targets_.end()) return;
  if (it->second.attached) probe_->Unwatch(id.pid);
  targets_.erase(it);
}

int64_t NativeGrowthWatcher::revoked() const {
  return std::count_if(targets_.begin(), targets_.end(), [](const auto& entry) {
    return !entry.second.attached;
  });
}

core::Tier1Sample NativeGrowthWatcher::Collect(const core::ProcessId& id) {
  core::Tier1Sample sample;
  const auto it = targets_.find(id);
  if (it == targets_.end()) return sample;
  Target& target = it->second;
  const int64_t now = clock_->BoottimeNs();
  if (!target.attached && now >= target.retry_ns) {
    if (absl::Status attached = Attach(id, target); !attached.ok()) {
      Pause(target, std::string(attached.message()), now + 60 * kNsPerSecond);
    }
  }
  if (target.attached) Look(id, target, sample);
  sample.growth = target.grown.TakeIfDue(now, kProfileNs);
  sample.growth_refusal = target.refusal;
  return sample;
}

void NativeGrowthWatcher::Look(const core::ProcessId& id, Target& target,
                               core::Tier1Sample& sample) {
  auto taken = probe_->Take(id.pid);
  if (!taken.ok()) return;
  AddLosses(*taken, target, sample);
  std::vector<core::NativeSnapshot> growth = std::move(taken->samples);
  const auto samples = static_cast<double>(growth.size());
  if (auto maps = proc_.ReadMaps(id.pid); maps.ok() && !growth.empty()) {
    std::erase_if(growth, [&](const core::NativeSnapshot& snapshot) {
      return !core::IsGrowable(*maps, snapshot.address);
    });
    // What was turned away is stood for by what was taken.
    target.grown.Add(
        std::move(growth),
        static_cast<double>(taken->sample_period * taken->hits) / samples,
        clock_->BoottimeNs());
  }
  Spend(id, *taken, target, sample);
  const uint64_t next =
      core::NextSamplePeriod(target.period, taken->hits, kSamplesPerLook);
  if (!target.attached || next == target.period) return;
  probe_->Unwatch(id.pid);
  target.period = next;
  if (absl::Status attached = Attach(id, target); !attached.ok()) {
    Pause(target, std::string(attached.message()),
          clock_->BoottimeNs() + 60 * kNsPerSecond);
  }
}

// Hits past the allowance are no loss: the others are weighted for them. That
// no Python stack was walked is what is meant here.
void NativeGrowthWatcher::AddLosses(const bpf::NativeTaken& taken,
                                    Target& target, core::Tier1Sample& sample) {
  for (const char* reason : {"ring_full", "stack_read_fault"}) {
    const auto now = taken.drops.find(reason);
    if (now == taken.drops.end()) continue;
    int64_t& seen = target.drops[reason];
    if (now->second > seen) sample.losses[reason] += now->second - seen;
    seen = now->second;
  }
}

void NativeGrowthWatcher::Spend(const core::ProcessId& id,
                                const bpf::NativeTaken& taken, Target& target,
                                core::Tier1Sample& sample) {
  if (taken.hits == 0) return;
  const double fault_ns =
      probe_->fault_ns() > 0 ? probe_->fault_ns() : kAssumedFaultNs;
  const double copy_ns =
      taken.program_ns_per_hit > 0 ? taken.program_ns_per_hit : kAssumedCopyNs;
  const auto hits = static_cast<double>(taken.hits);
  const double copied =
      std::min(hits, static_cast<double>(kSamplesPerLook)) * copy_ns;
  const double cost_ns = hits * fault_ns + copied;
  usage_->hits += static_cast<int64_t>(taken.hits);
  usage_->cost_ns += static_cast<int64_t>(cost_ns);
  const int64_t now = clock_->BoottimeNs();
  const absl::Status spent = governor_->Spend(id, Tier::kGc, cost_ns, now);
  if (spent.ok()) return;
  ++sample.losses["probe_budget"];
  ++usage_->revoked_total;
  probe_->Unwatch(id.pid);
  Pause(target, "budget: " + std::string(spent.message()),
        std::max(governor_->AffordableAt(id, Tier::kGc, cost_ns, now),
                 now + 10 * kNsPerSecond));
  target.period =
      core::NextSamplePeriod(target.period, taken.hits, kSamplesPerLook);
}

void NativeGrowthWatcher::Pause(Target& target, std::string refusal,
                                int64_t until_ns) {
  target.attached = false;
  target.refusal = std::move(refusal);
  target.retry_ns = until_ns;
}

}  // namespace plimsoll::agent
