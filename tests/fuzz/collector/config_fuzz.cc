// The collector's settings: a file that anyone may have edited.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "collector/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)plimsoll::collector::ParseConfig(
      text, [](const std::string&) { return std::optional<std::string>(); });
  (void)plimsoll::collector::ParseDuration(text);
  (void)plimsoll::collector::ParseHostPort(text);
  return 0;
}
