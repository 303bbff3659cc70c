// What a Prometheus answers to the query for request counts: shared out among
// the processes of pods. Seeds: tests/fuzz/corpus/prometheus_vector.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "collector/requests/prometheus_vector.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::collector::PodCountLedger;
  using plimsoll::collector::ProcessInfo;
  const auto found = plimsoll::collector::requests::ReadPodCounts(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!found.ok()) return 0;
  ProcessInfo process;
  process.key = 1;
  process.pid = 7;
  process.workload.ns = "shop";
  process.pod = "web-1";
  PodCountLedger ledger;
  (void)ledger.Take(found->counts, {process}, 1);
  for (const auto& served : ledger.Take(found->counts, {process}, 2)) {
    for (const auto& [attributes, value] : served.counts) {
      if (value < 0) __builtin_trap();
    }
  }
  return 0;
}
