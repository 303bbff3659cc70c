#include "collector/core/text/format.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace plimsoll::collector {
namespace {

constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};

size_t UnitOf(double bytes) {
  size_t unit = 0;
  for (double b = std::abs(bytes); b >= 1024 && unit + 1 < kUnits.size();
       b /= 1024) {
    ++unit;
  }
  return unit;
}

std::string Number(double value) {
  std::array<char, 32> text{};
  const double size = std::abs(value);
  const char* format = size >= 99.95 || value == 0 ? "%.0f"
                       : size >= 0.995             ? "%.1f"
                                                   : "%.2f";
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string InUnit(double bytes, size_t unit) {
  return Number(bytes / std::pow(1024, static_cast<double>(unit)));
}

std::string Interval(const Estimate& e, double scale, size_t unit) {
  if (!std::isfinite(e.lo) || !std::isfinite(e.hi)) return "not known";
  const std::string lo = InUnit(e.lo * scale, unit);
  return lo + (e.hi < 0 ? " to " : "-") + InUnit(e.hi * scale, unit);
}

struct TimeUnit {
  double seconds;
  const char* name;
};

TimeUnit TimeUnitOf(double seconds) {
  if (seconds < 120) return {1, "s"};
  if (seconds < 2 * 3600) return {60, "min"};
  if (seconds < 48 * 3600) return {3600, "h"};
  return {86400, "d"};
}

std::string InTimeUnit(double seconds, const TimeUnit& unit) {
  const double value = seconds / unit.seconds;
  std::array<char, 32> text{};
  const bool fine = unit.seconds >= 3600 && value < 10;
  std::snprintf(text.data(), text.size(), fine ? "%.1f" : "%.0f", value);
  return text.data();
}

}  // namespace

std::string FormatBytes(double bytes) {
  const size_t unit = UnitOf(bytes);
  return (unit == 0 ? std::to_string(std::llround(bytes))
                    : InUnit(bytes, unit)) +
         " " + kUnits[unit];
}

std::string FormatRate(double bytes_per_s) {
  return FormatBytes(bytes_per_s * 60) + "/min";
}

std::string FormatRateWithInterval(const Estimate& bytes_per_s,
                                   const std::string& where) {
  return FormatRate(bytes_per_s.value) + where + " (95 % CI " +
         Interval(bytes_per_s, 60, UnitOf(bytes_per_s.value * 60)) + ")";
}

std::string FormatCount(double count) {
  if (std::abs(count) < 10) return Number(count);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.0f", std::abs(count));
  std::string digits = text.data();
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), 1, ',');
  }
  if (count < 0) digits.insert(0, 1, '-');
  return digits;
}

std::string FormatShare(double share) {
  std::array<char, 32> text{};
  const bool fine = share > 0.95 && share < 0.9995;
  std::snprintf(text.data(), text.size(), fine ? "%.1f %%" : "%.0f %%",
                100 * share);
  return text.data();
}

std::string FormatRatio(double ratio) { return Number(ratio) + "x"; }

std::string FormatDuration(double seconds) {
  const TimeUnit unit = TimeUnitOf(seconds);
  return InTimeUnit(seconds, unit) + " " + unit.name;
}

std::string FormatTimeToLimit(const TimeToLimit& time) {
  if (!std::isfinite(time.hi_s)) {
    return FormatDuration(time.lo_s) + " or later";
  }
  const TimeUnit unit = TimeUnitOf(time.hi_s);
  const std::string lo = InTimeUnit(time.lo_s, unit);
  const std::string hi = InTimeUnit(time.hi_s, unit);
  return (lo == hi ? "about " + hi : lo + "-" + hi) + " " + unit.name;
}

std::string FormatByteInterval(const Estimate& bytes) {
  return "CI " + Interval(bytes, 1, UnitOf(bytes.value));
}

std::string Join(const std::vector<std::string>& parts,
                 const std::string& between) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    out += (i == 0 ? "" : between) + parts[i];
  }
  return out;
}

}  // namespace plimsoll::collector
