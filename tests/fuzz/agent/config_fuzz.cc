// The agent's settings: a file that anyone may have edited.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)plimsoll::agent::ParseConfig(text, "fuzz", [](const std::string&) {
    return std::optional<std::string>();
  });
  (void)plimsoll::agent::ParseDuration(text);
  (void)plimsoll::agent::ParseSize(text);
  return 0;
}
