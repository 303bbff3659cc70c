#include "agent/core/window_balance.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "absl/container/flat_hash_map.h"

namespace plimsoll::core {
namespace {

bool IsPair(ProbeKind kind) {
  return kind == ProbeKind::kObjectMalloc || kind == ProbeKind::kObjectFree ||
         kind == ProbeKind::kObjectRealloc || kind == ProbeKind::kObjectCalloc;
}

// Losses after which a count is not what happened.
struct LostUpdates {
  const char* label;
  const char* text;
};
constexpr std::array<LostUpdates, 3> kLostUpdates = {{
    {"map_full", "a kernel map was full"},
    {"bad_record", "a block's pool could not be read"},
    {"probe_budget", "the window was cut when its budget was spent"},
}};

std::string DescribeLostUpdates(const std::map<std::string, int64_t>& losses) {
  std::string text;
  for (const LostUpdates& lost : kLostUpdates) {
    const auto found = losses.find(lost.label);
    if (found == losses.end() || found->second <= 0) continue;
    text += (text.empty() ? "" : "; ") + std::string(lost.text) + " (" +
            lost.label + " " + std::to_string(found->second) + ")";
  }
  return text;
}

}  // namespace

bool OffersFrees(const PythonBuild& build) {
  const auto offers = [&build](ProbeKind kind) {
    return std::any_of(
        build.probes.begin(), build.probes.end(),
        [kind](const ProbePoint& probe) { return probe.kind == kind; });
  };
  return offers(ProbeKind::kObjectMalloc) && offers(ProbeKind::kObjectFree);
}

void BalanceWindow(const HeapCensus& before, const HeapCensus& after,
                   bool frees_probed,
                   const std::map<std::string, int64_t>& losses,
                   StackProfile& profile) {
  profile.balance.clear();
  profile.net_counts_refused = true;
  if (!frees_probed) {
    profile.refusal =
        "frees were not probed: these are allocations, not what stays";
    return;
  }
  std::map<int32_t, SizeClassBalance> rows;
  for (const StackCount& count : profile.counts) {
    if (!IsPair(count.probe) || count.block_bytes == 0) continue;
    SizeClassBalance& row = rows[count.block_bytes];
    row.allocations += count.allocations;
    row.frees += count.frees;
  }
  for (const SizeClass& size_class : after.size_classes) {
    rows[size_class.block_bytes].census_change += size_class.blocks_live;
  }
  for (const SizeClass& size_class : before.size_classes) {
    rows[size_class.block_bytes].census_change -= size_class.blocks_live;
  }
  int64_t explained = 0;
  int64_t moved = 0;
  const SizeClassBalance* worst = nullptr;
  int64_t worst_gap = 0;
  for (auto& [block_bytes, row] : rows) {
    row.block_bytes = block_bytes;
    int64_t net = row.allocations - row.frees;
    int64_t larger = std::max(std::abs(net), std::abs(row.census_change));
    if (larger < kBalanceMinBlocks) continue;
    int64_t gap = std::abs(net - row.census_change);
    moved += larger;
    explained += std::max<int64_t>(larger - gap, 0);
    if (static_cast<double>(gap) >
            kBalanceTolerance * static_cast<double>(larger) &&
        gap > worst_gap) {
      worst = &row;
      worst_gap = gap;
    }
  }
  profile.coverage.seen = explained;
  profile.coverage.total = moved;
  profile.coverage.method = "window-balance";
  profile.net_counts_refused = worst != nullptr;
  if (worst != nullptr) {
    profile.refusal =
        "probes and census disagree: blocks of " +
        std::to_string(worst->block_bytes) + " bytes changed by " +
        std::to_string(worst->census_change) + " by the census, by " +
        std::to_string(worst->allocations - worst->frees) +
        " by the probes (inlined allocations are not seen)";
  }
  // Said first: what was lost may be all that the two disagree about.
  if (std::string lost = DescribeLostUpdates(losses); !lost.empty()) {
    profile.net_counts_refused = true;
    profile.refusal = "updates were lost: " + lost;
  }
  for (auto& [block_bytes, row] : rows) profile.balance.push_back(row);
}

void NameTypes(const HeapCensus& census, StackProfile& profile) {
  absl::flat_hash_map<uint64_t, const std::string*> names;
  for (const TypeCount& type : census.types) {
    names.try_emplace(type.type_address, &type.type);
  }
  for (StackCount& count : profile.counts) {
    if (count.type_address == 0 || !count.type.empty()) continue;
    auto name = names.find(count.type_address);
    if (name != names.end()) count.type = *name->second;
  }
}

}  // namespace plimsoll::core
