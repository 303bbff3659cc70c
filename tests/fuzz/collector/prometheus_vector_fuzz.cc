// What a Prometheus answers to the queries for request counts and gauges:
// shared out among the processes of pods. Seeds:
// tests/fuzz/corpus/prometheus_vector.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>

#include "collector/requests/prometheus_vector.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::collector::PodCountLedger;
  using plimsoll::collector::ProcessInfo;
  namespace requests = plimsoll::collector::requests;
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  auto found = requests::ReadPodCounts(answer);
  if (!found.ok()) return 0;
  auto gauges = requests::ReadPodGauges(answer);
  if (!gauges.ok()) __builtin_trap();
  std::move(gauges->counts.begin(), gauges->counts.end(),
            std::back_inserter(found->counts));
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
    // They are added up: never more than were told.
    if (served.gauges.size() > found->counts.size()) __builtin_trap();
  }
  return 0;
}
