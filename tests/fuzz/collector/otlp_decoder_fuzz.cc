// What a service exports by OTLP: shared out among the processes of pods.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "collector/rpc/otlp_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::collector::PodCount;
  using plimsoll::collector::PodCountLedger;
  using plimsoll::collector::ProcessInfo;
  const auto found = plimsoll::collector::rpc::DecodeOtlp(
      std::string_view(reinterpret_cast<const char*>(data), size), {});
  if (!found.ok()) return 0;
  std::vector<PodCount> counts;
  ProcessInfo process;
  process.key = 1;
  process.pid = 7;
  for (const auto& one : found->counts) {
    counts.push_back(one.count);
    process.workload.ns = one.count.ns;
    process.pod = one.count.pod;
  }
  PodCountLedger ledger;
  (void)ledger.Take(counts, {process}, 1);
  for (const auto& served : ledger.Take(counts, {process}, 2)) {
    for (const auto& [attributes, value] : served.counts) {
      if (value < 0) __builtin_trap();
    }
  }
  return 0;
}
