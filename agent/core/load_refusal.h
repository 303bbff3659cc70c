// Why the kernel did not take a BPF object: a right that is missing, something
// that forbids bpf(2) to all, or its verifier, to which no right helps. The
// kernel answers EACCES to the first and to the last (kernel/bpf/verifier.c),
// so what tells them apart is whether the verifier wrote a log, and the
// capabilities. Pure.
#ifndef PLIMSOLL_AGENT_CORE_LOAD_REFUSAL_H_
#define PLIMSOLL_AGENT_CORE_LOAD_REFUSAL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace plimsoll::core {

struct LoadFailure {
  std::string object;         // such as "gc"
  int error = 0;              // errno
  uint64_t capabilities = 0;  // effective, as core::Surroundings has them
  std::string verifier_log;   // of the program that failed; "": there is none
};

// kPermissionDenied with the remedy, where a right is missing or bpf(2) is
// forbidden; kFailedPrecondition where the verifier refused though all rights
// are there; else what the errno says.
absl::Status LoadRefusal(const LoadFailure& failure);

// The line in which the verifier says what it objects to: the last one before
// its statistics. "" where there is none.
std::string VerifierObjection(std::string_view log);

// Whether a status is of a verifier that refused.
bool IsVerifierRefusal(const absl::Status& status);

// Why there are no costs to judge probes by, where they could not be measured:
// their program was not loaded (LoadRefusal), or its uprobe not attached.
std::string NoHitCosts(const absl::Status& status);

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_LOAD_REFUSAL_H_
