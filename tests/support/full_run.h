// Whether the slow cases are asked for (tools/test --full).
#ifndef PLIMSOLL_TESTS_SUPPORT_FULL_RUN_H_
#define PLIMSOLL_TESTS_SUPPORT_FULL_RUN_H_

#include <cstdlib>
#include <string_view>

namespace plimsoll::testing {

inline bool IsFull() {
  const char* full = std::getenv("PLIMSOLL_FULL");
  return full != nullptr && std::string_view(full) == "1";
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_FULL_RUN_H_
