// Text for a terminal: numbers as people read them, and strings of a target
// made harmless. Pure; any thread.
#ifndef PLIMSOLL_CLI_REPORT_TEXT_H_
#define PLIMSOLL_CLI_REPORT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::cli {

// "0 B", "812 B", "12.4 MiB". IEC units, three significant digits.
std::string FormatBytes(int64_t bytes);
// With a sign, as a change has one: "+12.4 MiB", "-1.00 KiB", "0 B".
std::string FormatBytesChange(int64_t bytes);
// "+12.4 MiB/s": rates are doubles.
std::string FormatByteRate(double bytes_per_s);
// "2,412,985".
std::string FormatCount(int64_t count);
std::string FormatCountChange(int64_t count);
// "+65,000/s", "+0.25/s".
std::string FormatRate(double per_s);
// 0.99986 -> "99.98 %": rounded down, so that 100 % means all.
std::string FormatShare(double share);
// "1.24 ms".
std::string FormatNanoseconds(int64_t ns);

// How many columns of a terminal the UTF-8 text takes: 0 for combining marks,
// 2 for East Asian wide characters and emoji (Unicode 15, UAX #11, ranges
// coarsened to blocks), 1 for each byte that is not valid UTF-8.
int DisplayWidth(std::string_view text);

// At most `width` columns of the text; where something is cut, "…" stands in
// the middle, since both ends of "package.module.Class" matter.
std::string Elide(std::string_view text, int width);

// Names come from foreign memory: control characters (escape sequences) and
// bytes that are not UTF-8 become "?", so that nothing there steers a terminal.
std::string Harmless(std::string_view text);

// Breaks at blanks so that no line is over `width` columns (0: no bound), a
// word longer than that excepted. Lines after the first start with `indent`.
std::string Wrap(std::string_view text, int width, int indent);

}  // namespace plimsoll::cli

#endif  // PLIMSOLL_CLI_REPORT_TEXT_H_
