// A request-count file is the target's own: any bytes.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "agent/workload/multiprocess_file.h"
#include "agent/workload/request_filter.h"

using namespace plimsoll;  // NOLINT: a fuzzer is one function

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto counts = workload::ParseMultiprocessFile(bytes);
  if (!counts.ok()) return 0;
  for (const core::RequestCount& count : *counts) {
    if (!std::isfinite(count.value) || count.value < 0) __builtin_trap();
  }
  workload::RequestFilter filter{{"city", "outcome"}, {}};
  workload::FilterRequests(filter, *std::move(counts));
  return 0;
}
