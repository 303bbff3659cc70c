// Numbers as people read them: IEC bytes, rounded durations, thousands. Pure.
#ifndef PLIMSOLL_COLLECTOR_CORE_TEXT_FORMAT_H_
#define PLIMSOLL_COLLECTOR_CORE_TEXT_FORMAT_H_

#include <string>
#include <vector>

#include "collector/core/estimate.h"

namespace plimsoll::collector {

std::string FormatBytes(double bytes);  // "1.6 MiB", "250 KiB", "-3 B"
// The interval in the unit of the value: "11.6-13.1".
std::string FormatRate(double bytes_per_s);  // "12.4 MiB/min"
std::string FormatRateWithInterval(const Estimate& bytes_per_s,
                                   const std::string& where);
std::string FormatCount(double count);  // "65,000", two digits of it below 10
std::string FormatShare(double share);  // "84 %", "99.4 %" above 95
std::string FormatRatio(double ratio);  // "3.1x"
std::string FormatDuration(double seconds);  // "90 s", "43 min", "3.5 h", "2 d"
std::string FormatTimeToLimit(const TimeToLimit& time);  // "43-52 min"
// Bounds in the unit of `value`: "CI 1.5-1.8"; open ends as "under"/"over".
std::string FormatByteInterval(const Estimate& bytes);
std::string Join(const std::vector<std::string>& parts,
                 const std::string& between);

}  // namespace plimsoll::collector

#endif  // PLIMSOLL_COLLECTOR_CORE_TEXT_FORMAT_H_
