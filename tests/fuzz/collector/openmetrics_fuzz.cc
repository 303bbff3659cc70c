// Metrics text of a user's own history, cut into chunks, into a recording that
// is then sealed and read. Seeds: tests/fuzz/corpus/openmetrics.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "collector/core/backtest/recording.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll::collector;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Recording recording({.requests_metric = "http_requests_total",
                       .attributes = {"city", "outcome"},
                       .max_samples = 500,
                       .max_series = 50});
  MetricTextReader reader([&recording](const MetricSample& sample) {
    return recording.Add(sample);
  });
  const size_t chunk = 1 + data[0] % 64;
  for (size_t at = 0; at < size; at += chunk) {
    reader.Feed(text.substr(at, chunk));
  }
  reader.Finish();
  if (reader.samples() + reader.bad().count > reader.lines()) std::abort();
  recording.Seal();
  for (const int64_t now : {INT64_C(0), recording.first_ns(), INT64_MAX - 1}) {
    recording.SetNow(now);
    const auto processes = recording.Processes(0);
    if (!processes.ok()) std::abort();
    for (const ProcessInfo& p : *processes) {
      for (const char* metric :
           {metric::kAnon, metric::kCgroupLimit, metric::kRequests}) {
        const auto samples =
            recording.Read(p.key, {metric, "city=a"}, 0, INT64_MAX);
        if (!samples.ok()) std::abort();
        for (size_t i = 0; i < samples->size(); ++i) {
          if ((*samples)[i].time_ns > now) std::abort();
          if (i > 0 && (*samples)[i].time_ns <= (*samples)[i - 1].time_ns) {
            std::abort();
          }
        }
      }
    }
  }
  return 0;
}
