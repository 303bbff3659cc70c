// Small, allocation-free scanning of the kernel's text files. Pure: any thread.
// Bytes of /proc are untrusted (a process chooses its name, its file names and
// its environment), so nothing here assumes that a field is there.
#ifndef PLIMSOLL_AGENT_PROCFS_TEXT_H_
#define PLIMSOLL_AGENT_PROCFS_TEXT_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace plimsoll::procfs {

// The whole of `text` as a number; nullopt when anything else is in it or the
// number does not fit.
template <typename Int>
std::optional<Int> ParseInt(std::string_view text, int base = 10) {
  Int value{};
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

// Cuts the next line off `rest` (without its newline); false at the end.
inline bool NextLine(std::string_view& rest, std::string_view& line) {
  if (rest.empty()) return false;
  size_t end = rest.find('\n');
  line = rest.substr(0, end);
  rest =
      end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return true;
}

// Cuts the next field, separated by blanks, off `rest`; empty at the end.
inline std::string_view NextField(std::string_view& rest) {
  size_t begin = rest.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    rest = {};
    return {};
  }
  size_t end = rest.find_first_of(" \t", begin);
  std::string_view field = rest.substr(begin, end - begin);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  return field;
}

// Cuts what stands before `separator` off `rest`, which loses the separator
// too; all of it when there is none.
inline std::string_view NextUntil(std::string_view& rest, char separator) {
  size_t end = rest.find(separator);
  std::string_view field = rest.substr(0, end);
  rest =
      end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return field;
}

inline std::string_view StripBlanks(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

}  // namespace plimsoll::procfs

#endif  // PLIMSOLL_AGENT_PROCFS_TEXT_H_
