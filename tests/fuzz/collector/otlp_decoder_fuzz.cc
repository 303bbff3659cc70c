// What a service exports by OTLP, as it is, by gzip or in JSON: shared out
// among the processes of pods.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/core/ingest/gunzip.h"
#include "collector/rpc/otlp_decoder.h"
#include "collector/rpc/otlp_json.h"

namespace {

constexpr size_t kMostBytes = 1 << 20;

// As their first bytes say; the servers go by headers.
std::string ExportOf(std::string_view bytes) {
  namespace collector = plimsoll::collector;
  std::string body(bytes);
  if (collector::LooksGzipped(body)) {
    auto unfolded = collector::Gunzip(body, kMostBytes);
    body = std::move(unfolded).value_or("");
    if (body.size() > kMostBytes) __builtin_trap();
  }
  if (!body.starts_with('{')) return body;
  return collector::rpc::OtlpBytesOfJson(body).value_or("");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::collector::PodCount;
  using plimsoll::collector::PodCountLedger;
  using plimsoll::collector::ProcessInfo;
  const auto found = plimsoll::collector::rpc::DecodeOtlp(
      ExportOf({reinterpret_cast<const char*>(data), size}), {});
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
  for (const PodCount& gauge : found->gauges) {
    if (gauge.gauge.empty()) __builtin_trap();
    counts.push_back(gauge);
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
