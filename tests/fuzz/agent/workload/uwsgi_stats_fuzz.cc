// Statistics, command line and ini file of a uWSGI are the target's: any bytes.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/workload/uwsgi_stats.h"

using namespace plimsoll;  // NOLINT: a fuzzer is one function

namespace {

void Check(const workload::UwsgiOptions& options) {
  if (options.ini_files.size() > 4) __builtin_trap();
  const auto address = workload::ParseStatsAddress(options.stats);
  if (!address.ok()) return;
  const bool port = address->kind == workload::StatsAddress::Kind::kPort;
  if (port != (address->port > 0) || address->port > 65535) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto workers = workload::ParseUwsgiStats(text); workers.ok()) {
    for (const workload::UwsgiWorker& worker : *workers) {
      if (worker.pid < 1 || !std::isfinite(worker.requests) ||
          worker.requests < 0) {
        __builtin_trap();
      }
    }
  }
  Check(workload::ParseUwsgiIni(text));
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == '\0' || c == ' ') {
      words.emplace_back();
    } else {
      words.back().push_back(c);
    }
  }
  Check(workload::ParseUwsgiArguments(words));
  return 0;
}
