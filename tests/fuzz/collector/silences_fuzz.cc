// What an Alertmanager answers of its silences: labels are matched against
// whatever came. Seeds: tests/fuzz/corpus/silences.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "collector/notify/silences.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using plimsoll::collector::notify::ParseSilences;
  using plimsoll::collector::notify::Silencing;
  const auto silences = ParseSilences(
      std::string_view(reinterpret_cast<const char*>(data), size));
  if (!silences.ok()) return 0;
  (void)Silencing(silences->active,
                  {{"workload", "routing-api"}, {"severity", "page"}},
                  1'800'000'000'000'000'000);
  return 0;
}
