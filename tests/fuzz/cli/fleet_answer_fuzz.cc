// What plimsoll prints of whatever answers at the collector's address. Seeds:
// tests/fuzz/corpus/fleet_answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/report/comparison_report.h"
#include "cli/report/fleet_report.h"

namespace {

// Foreign bytes must not reach a terminal as control sequences.
void Check(const absl::StatusOr<std::string>& text) {
  if (!text.ok()) return;
  for (const char c : *text) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\n') std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const int width : {0, 40, 120}) {
    const plimsoll::cli::Style style{.width = width, .colour = false};
    Check(plimsoll::cli::RenderIncidents(body, 1'700'000'000'000'000'000,
                                         width > 0, style));
    Check(plimsoll::cli::RenderComparison(body, style));
    Check(plimsoll::cli::RenderWorkloads(body, style));
  }
  Check(plimsoll::cli::FleetJson("fleet", body));
  return 0;
}
