#include "collector/core/text/duration.h"

#include <charconv>

namespace plimsoll::collector {

std::optional<int64_t> ParseDurationNs(std::string_view text) {
  int64_t number = 0;
  const char* limit = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), limit, number);
  const std::string_view unit(end, static_cast<size_t>(limit - end));
  const int64_t seconds = unit == "s"   ? 1
                          : unit == "m" ? 60
                          : unit == "h" ? 3'600
                          : unit == "d" ? 86'400
                                        : 0;
  if (error != std::errc() || number <= 0 || seconds == 0 ||
      number > int64_t{36'500} * 86'400 / seconds) {
    return std::nullopt;
  }
  return number * seconds * 1'000'000'000;
}

}  // namespace plimsoll::collector
