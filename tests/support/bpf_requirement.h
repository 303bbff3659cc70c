// Why tests that load BPF programs cannot run here, and what to do about it.
#ifndef PLIMSOLL_TESTS_SUPPORT_BPF_REQUIREMENT_H_
#define PLIMSOLL_TESTS_SUPPORT_BPF_REQUIREMENT_H_

#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/bpf/kernel_support.h"

namespace plimsoll::testing {

// "" when BPF and uprobes work here.
inline std::string BpfUnavailableReason() {
  const bpf::KernelSupport support = bpf::KernelSupport::Detect();
  return std::string(support.Rung().status().message());
}

// PLIMSOLL_REQUIRE_BPF=1: a machine that must run them, such as CI.
inline bool BpfRequired() {
  const char* value = std::getenv("PLIMSOLL_REQUIRE_BPF");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace plimsoll::testing

// First line of a BPF test (or SetUp): skips with the reason, or fails with it
// where BPF is required.
#define PLIMSOLL_NEEDS_BPF()                                             \
  do {                                                                   \
    const std::string plimsoll_reason =                                  \
        ::plimsoll::testing::BpfUnavailableReason();                     \
    if (!plimsoll_reason.empty()) {                                      \
      if (::plimsoll::testing::BpfRequired()) FAIL() << plimsoll_reason; \
      GTEST_SKIP() << plimsoll_reason;                                   \
    }                                                                    \
  } while (false)

#endif  // PLIMSOLL_TESTS_SUPPORT_BPF_REQUIREMENT_H_
