// Words of a page within the bounds of what takes them. Pure.
#ifndef PLIMSOLL_COLLECTOR_NOTIFY_TEXT_BOUNDS_H_
#define PLIMSOLL_COLLECTOR_NOTIFY_TEXT_BOUNDS_H_

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace plimsoll::collector::notify {

// At most `most_bytes`, cut between characters, with "..." where it was cut. A
// bound in bytes keeps one in characters too.
std::string Bounded(std::string_view text, size_t most_bytes);

// The annotation, or "".
std::string_view At(const std::map<std::string, std::string>& annotations,
                    const std::string& key);

struct PageLine {
  const char* annotation;
  const char* caption;
};
// In the order of a page.
inline constexpr std::array<PageLine, 8> kPageLines = {{{"what", "what"},
                                                        {"held_by", "held by"},
                                                        {"made_at", "made at"},
                                                        {"kept_at", "kept at"},
                                                        {"traffic", "traffic"},
                                                        {"where", "where"},
                                                        {"do_now", "do now"},
                                                        {"trust", "trust"}}};

}  // namespace plimsoll::collector::notify

#endif  // PLIMSOLL_COLLECTOR_NOTIFY_TEXT_BOUNDS_H_
