// Debian 12's absl::string_view is a type of its own: StrCat and the status
// makers do not take std::string_view. Pure; any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_ABSEIL_TEXT_H_
#define PLIMSOLL_AGENT_PYTHON_ABSEIL_TEXT_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace plimsoll::python {

inline absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}

inline std::string_view FromAbsl(absl::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_ABSEIL_TEXT_H_
