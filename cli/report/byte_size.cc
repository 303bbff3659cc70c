#include "cli/report/byte_size.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::cli {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 4> kUnits = {
    {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}};
constexpr uint64_t kMost = uint64_t{1} << 50;

}  // namespace

absl::StatusOr<int64_t> ParseByteSize(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  if (error == std::errc()) {
    if (number == 0 && unit.empty()) return 0;
    for (const auto& [name, shift] : kUnits) {
      if (unit == name && number <= kMost >> shift) {
        return static_cast<int64_t>(number << shift);
      }
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", std::string(text), "\" is no size: write it like 512MiB or 4GiB"));
}

}  // namespace plimsoll::cli
