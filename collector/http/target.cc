#include <string>
#include <string_view>

#include "collector/http/http_server.h"

namespace plimsoll::collector::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool Unescape(std::string_view text, bool plus_is_space, std::string* out) {
  out->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out->push_back(' ');
    } else if (text[i] != '%') {
      out->push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return false;
      int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      out->push_back(static_cast<char>(high << 4 | low));
      i += 2;
    }
  }
  return true;
}

}  // namespace

bool ParseTarget(const std::string& target, Request* request) {
  std::string_view rest = target;
  if (rest.empty() || rest[0] != '/') return false;
  size_t question = rest.find('?');
  if (!Unescape(rest.substr(0, question), false, &request->path)) return false;
  if (question == std::string_view::npos) return true;
  rest.remove_prefix(question + 1);
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    if (pair.empty()) continue;
    size_t equals = pair.find('=');
    std::string key, value;
    if (!Unescape(pair.substr(0, equals), true, &key)) return false;
    if (equals != std::string_view::npos &&
        !Unescape(pair.substr(equals + 1), true, &value)) {
      return false;
    }
    request->query[key] = value;
  }
  return true;
}

}  // namespace plimsoll::collector::http
