// What answers at the address that is said to be a Prometheus. Seeds:
// tests/fuzz/corpus/prometheus_samples.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/report/prometheus_samples.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  int64_t seen = 0;
  const auto count = plimsoll::cli::ReadPrometheusSamples(
      body, [&seen](const plimsoll::collector::MetricSample& sample) {
        ++seen;
        plimsoll::collector::MetricName name;
        std::string_view why;
        plimsoll::collector::ParseMetricName(sample.series, name, why);
        if (sample.time_ms < 0) std::abort();
      });
  if (count.ok() && *count != seen) std::abort();
  return 0;
}
