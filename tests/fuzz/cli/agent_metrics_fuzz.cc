// What plimsoll top reads of whatever answers at the agent's address. Seeds:
// tests/fuzz/corpus/agent_metrics.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/report/agent_metrics.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto view = plimsoll::cli::ParseGovernor(text);
  if (!view.has_value()) return 0;
  if (view->tier1.granted < 0 || view->tier4.revoked < 0) std::abort();
  // No byte of the answer's own reaches the terminal.
  for (const char c : plimsoll::cli::GovernorLine(*view)) {
    if (static_cast<unsigned char>(c) < ' ') std::abort();
  }
  (void)plimsoll::cli::GovernorJson(*view).dump();
  return 0;
}
