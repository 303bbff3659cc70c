// How the tests start the inspector that was built with them.
#ifndef PLIMSOLL_TESTS_PROCFS_AGENT_INSPECTOR_INSPECTOR_OPTIONS_H_
#define PLIMSOLL_TESTS_PROCFS_AGENT_INSPECTOR_INSPECTOR_OPTIONS_H_

#include <time.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "agent/inspector/inspector_client.h"

namespace plimsoll::inspector {

inline constexpr int64_t kMs = 1'000'000;

// Under AddressSanitizer time and memory are not the product's.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

inline int64_t MonotonicNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline InspectorOptions Options() {
  const char* bin = std::getenv("PLIMSOLL_BIN_DIR");
  return {.program = std::string(bin ? bin : "build/release/bin") +
                     "/plimsoll-inspector",
          .request_timeout_ns = 60'000 * kMs,
          .first_backoff_ns = 10 * kMs};
}

// "Name:\tvalue" of /proc/PID/status.
inline std::string StatusField(int32_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) {
      return line.substr(line.find_first_not_of(" \t", name.size() + 1));
    }
  }
  return "";
}

}  // namespace plimsoll::inspector

#endif  // PLIMSOLL_TESTS_PROCFS_AGENT_INSPECTOR_INSPECTOR_OPTIONS_H_
