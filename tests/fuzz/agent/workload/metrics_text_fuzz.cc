// What a process answers to GET /metrics is its own: any bytes, in any format
// that it says. The first byte chooses the format.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "agent/core/request_port.h"
#include "agent/workload/counter_continuity.h"
#include "agent/workload/metrics_text.h"

using namespace plimsoll;  // NOLINT: a fuzzer is one function

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)workload::ParseMetricsContentType(text);
  if (text.empty()) return 0;
  const auto format = text[0] % 2 == 0 ? workload::MetricsFormat::kText
                                       : workload::MetricsFormat::kOpenMetrics;
  const workload::RequestFilter filter{{"city", "outcome"}, {}};
  workload::CounterContinuity continuity(7, 1.5, 2.5);
  // Two answers, so that they are compared.
  const size_t half = text.find('\0');
  for (const std::string_view part :
       {text.substr(1),
        half == std::string_view::npos ? "" : text.substr(half)}) {
    auto parsed = workload::ParseMetricsText(part, format, filter);
    if (!parsed.ok()) continue;
    if (parsed->counts.size() > workload::kMostCounters) __builtin_trap();
    for (const core::RequestCount& count : parsed->counts) {
      if (!std::isfinite(count.value) || count.value < 0) __builtin_trap();
      if (count.gauge ? !filter.WantsGauge(count)
                      : !filter.Wants(count.metric)) {
        __builtin_trap();
      }
    }
    core::RequestAnswer answer;
    answer.counts = FilterRequests(filter, std::move(parsed->counts));
    answer.start_unix_s = parsed->start_unix_s;
    answer.first_created_unix_s = parsed->first_created_unix_s;
    (void)continuity.Check(answer);
  }
  return 0;
}
