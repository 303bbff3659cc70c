#include "agent/fresh_faults.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace plimsoll::agent {
namespace {

// A list takes the inspector some 10 ms for each GB.
constexpr uint64_t kTimesItsCost = 100;
constexpr uint64_t kLongestNs = 600'000'000'000;
constexpr uint64_t kAfterRefusalNs = 60'000'000'000;

// The clock of the faults.
uint64_t MonotonicNs() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

}  // namespace

void FreshFaults::ListPages(const core::ProcessId& id,
                            const core::PythonProcess& python) {
  Known& known = processes_[id];
  const uint64_t asked_ns = MonotonicNs();
  if (known.asked || asked_ns < known.next_ns) return;
  known.asked = true;
  inspector_->ReadResidentPages(
      python, [this, alive = alive_, id,
               asked_ns](absl::StatusOr<std::vector<core::PageRange>> pages) {
        if (!*alive) return;
        const auto it = processes_.find(id);
        if (it == processes_.end()) return;
        Known& mine = it->second;
        const uint64_t now_ns = MonotonicNs();
        mine.asked = false;
        if (!pages.ok()) {
          mine.refusal = "which pages were there is not known: " +
                         std::string(pages.status().message());
          mine.next_ns = now_ns + kAfterRefusalNs;
          return;
        }
        mine.refusal.clear();
        mine.judge.Learn(*std::move(pages), asked_ns, now_ns);
        mine.next_ns =
            now_ns + std::min(kLongestNs, kTimesItsCost * (now_ns - asked_ns));
      });
}

bool FreshFaults::IsFresh(const core::ProcessId& id, uint64_t address,
                          uint64_t time_ns) {
  const auto it = processes_.find(id);
  return it != processes_.end() &&
         it->second.judge.IsFresh(address, time_ns).value_or(false);
}

std::string FreshFaults::refusal(const core::ProcessId& id) const {
  const auto it = processes_.find(id);
  return it == processes_.end() ? "" : it->second.refusal;
}

}  // namespace plimsoll::agent
