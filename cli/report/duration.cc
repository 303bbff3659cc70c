#include "cli/report/duration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace plimsoll::cli {
namespace {

constexpr double kLongestNs = 30.0 * 24 * 3600 * 1e9;

struct Unit {
  std::string_view name;
  double ns;
};
constexpr std::array<Unit, 5> kUnits = {
    {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};

absl::Status Unreadable(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text),
                   "\" is not a duration; write it like 60s, 10m or 2h"));
}

size_t CountOf(std::string_view text, std::string_view set) {
  const size_t end = text.find_first_not_of(set);
  return end == std::string_view::npos ? text.size() : end;
}

// Takes one "<number><unit>" off the front.
std::optional<double> TakePart(std::string_view& text) {
  const size_t digits = CountOf(text, "0123456789.");
  double number = 0;
  if (digits == 0 ||
      !absl::SimpleAtod(std::string(text.substr(0, digits)), &number)) {
    return std::nullopt;
  }
  text.remove_prefix(digits);
  const size_t letters = CountOf(text, "abcdefghijklmnopqrstuvwxyz");
  for (const Unit& unit : kUnits) {
    if (text.substr(0, letters) == unit.name) {
      text.remove_prefix(letters);
      return number * unit.ns;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<int64_t> ParseDuration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return Unreadable(text);
  std::string_view rest = text;
  double total_ns = 0;
  while (!rest.empty()) {
    const std::optional<double> part = TakePart(rest);
    if (!part.has_value()) return Unreadable(text);
    total_ns += *part;
  }
  if (!(total_ns <= kLongestNs)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text), "\" is longer than 30 days"));
  }
  return static_cast<int64_t>(std::llround(total_ns));
}

std::string FormatDuration(int64_t duration_ns) {
  const double seconds = static_cast<double>(duration_ns) / 1e9;
  char text[64];
  if (seconds > 0 && seconds < 0.1) {
    return absl::StrCat(std::max<int64_t>(1, std::llround(seconds * 1e3)),
                        " ms");
  }
  if (seconds < 10 && std::fmod(seconds, 1.0) >= 0.05) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
    return text;
  }
  const int64_t whole = std::llround(seconds);
  const auto pair = [&text](int64_t big, const char* big_unit, int64_t small,
                            const char* small_unit) -> std::string {
    if (small == 0) return absl::StrCat(big, " ", big_unit);
    std::snprintf(text, sizeof text, "%lld %s %lld %s",
                  static_cast<long long>(big), big_unit,
                  static_cast<long long>(small), small_unit);
    return text;
  };
  if (whole < 120) return absl::StrCat(whole, " s");
  if (whole < 7200) return pair(whole / 60, "m", whole % 60, "s");
  if (whole < 172800) return pair(whole / 3600, "h", whole % 3600 / 60, "m");
  return pair(whole / 86400, "d", whole % 86400 / 3600, "h");
}

}  // namespace plimsoll::cli
