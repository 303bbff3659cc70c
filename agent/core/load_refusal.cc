#include "agent/core/load_refusal.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/core/self_check.h"

namespace plimsoll::core {
namespace {

constexpr size_t kLongestObjection = 200;
constexpr char kLoad[] = "load BPF object ";
constexpr char kVerifier[] = "the kernel's verifier refuses";

// Behind what it objects to the verifier counts what it did.
bool IsStatistics(std::string_view line) {
  return line.starts_with("processed ") ||
         line.starts_with("verification time ") ||
         line.starts_with("stack depth ");
}

// CAP_SYS_ADMIN stands for both.
std::vector<std::string> Missing(const Surroundings& s) {
  std::vector<std::string> missing;
  if (s.Has(Capability::kSysAdmin)) return missing;
  for (const Capability needed : {Capability::kBpf, Capability::kPerfmon}) {
    if (!s.Has(needed)) missing.emplace_back(CapabilityName(needed));
  }
  return missing;
}

}  // namespace

std::string VerifierObjection(std::string_view log) {
  while (!log.empty()) {
    const size_t before = log.find_last_of('\n', log.size() - 1);
    const bool first = before == std::string_view::npos;
    std::string_view line = first ? log : log.substr(before + 1);
    log = first ? std::string_view() : log.substr(0, before);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (IsStatistics(line)) continue;
    return std::string(line.substr(0, kLongestObjection));
  }
  return "";
}

absl::Status LoadRefusal(const LoadFailure& failure) {
  Surroundings surroundings;
  surroundings.capabilities = failure.capabilities;
  const std::string load = kLoad + failure.object;
  const std::vector<std::string> missing = Missing(surroundings);
  const bool forbidden = failure.error == EPERM || failure.error == EACCES;
  if (forbidden && !missing.empty()) {
    return absl::PermissionDeniedError(
        absl::StrCat(load, ": ", std::strerror(failure.error), "; grant ",
                     absl::StrJoin(missing, " and "), ", or run it as root"));
  }
  const std::string objection = VerifierObjection(failure.verifier_log);
  if (!objection.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(load, ": ", kVerifier,
                     " it, which is no matter of rights: \"", objection, "\""));
  }
  if (forbidden) {
    return absl::PermissionDeniedError(absl::StrCat(
        load, ": ", std::strerror(failure.error),
        ", though CAP_BPF and CAP_PERFMON are held: a seccomp filter, a "
        "security module, lockdown or a user namespace forbids it; "
        "\"plimsoll-agent --check\" says which"));
  }
  return absl::ErrnoToStatus(failure.error, load);
}

bool IsVerifierRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) &&
         absl::StrContains(status.message(), kVerifier);
}

std::string NoHitCosts(const absl::Status& status) {
  if (absl::IsPermissionDenied(status) &&
      !absl::StartsWith(status.message(), kLoad)) {
    return "a uprobe on a mapped file is not permitted: grant "
           "CAP_CHECKPOINT_RESTORE, or run as root";
  }
  return "the cost of a hit could not be measured on this machine: " +
         std::string(status.message());
}

}  // namespace plimsoll::core
