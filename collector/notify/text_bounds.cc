#include "collector/notify/text_bounds.h"

namespace plimsoll::collector::notify {
namespace {

constexpr std::string_view kCut = "...";

bool Continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace

std::string Bounded(std::string_view text, size_t most_bytes) {
  if (text.size() <= most_bytes) return std::string(text);
  if (most_bytes < kCut.size()) return "";
  size_t end = most_bytes - kCut.size();
  while (end > 0 && Continues(text[end])) --end;
  return std::string(text.substr(0, end)) + std::string(kCut);
}

std::string_view At(const std::map<std::string, std::string>& annotations,
                    const std::string& key) {
  const auto at = annotations.find(key);
  return at == annotations.end() ? std::string_view() : at->second;
}

}  // namespace plimsoll::collector::notify
