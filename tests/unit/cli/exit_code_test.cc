#include "cli/exit_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include "agent/core/load_refusal.h"

namespace plimsoll::cli {
namespace {

TEST(ExitCode, IsTheContract) {
  const struct {
    absl::Status status;
    int code;
  } cases[] = {
      {absl::OkStatus(), 0},
      {absl::InternalError("x"), 1},
      {absl::UnavailableError("x"), 1},
      {absl::InvalidArgumentError("x"), 2},
      {absl::PermissionDeniedError("x"), 3},
      {absl::FailedPreconditionError("x"), 3},
      {absl::NotFoundError("x"), 4},
      {absl::UnimplementedError("x"), 5},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(static_cast<int>(ExitCodeFor(c.status)), c.code) << c.status;
  }
}

TEST(ErrorText, GivesTheRemedyOnce) {
  const std::string text =
      ErrorText(absl::PermissionDeniedError("may not read pid 7"), false);
  EXPECT_NE(text.find("may not read pid 7"), std::string::npos);
  EXPECT_NE(text.find("CAP_SYS_PTRACE"), std::string::npos);
  const std::string own = ErrorText(
      absl::PermissionDeniedError("may not load BPF; run it as root"), false);
  const std::string root =
      ErrorText(absl::PermissionDeniedError("may not read pid 7"), true);
  EXPECT_EQ(root.find("run it as root"), std::string::npos);
  EXPECT_NE(root.find("namespace"), std::string::npos);
  EXPECT_EQ(own.find("CAP_SYS_PTRACE"), std::string::npos);
  EXPECT_EQ(ErrorText(absl::OkStatus(), false), "");
}

// A program that the verifier refused was said to be in "another user
// namespace".
TEST(ErrorText, OfABpfProgramThatIsRefusedIsNoMatterOfReadingAProcess) {
  core::LoadFailure failure{.object = "gc",
                            .error = EACCES,
                            .capabilities = ~uint64_t{0},
                            .verifier_log = "R1 invalid mem access 'scalar'\n"};
  const std::string refused = ErrorText(core::LoadRefusal(failure), true);
  EXPECT_NE(refused.find("R1 invalid mem access"), std::string::npos);
  failure.verifier_log.clear();
  const std::string forbidden = ErrorText(core::LoadRefusal(failure), true);
  EXPECT_NE(forbidden.find("security module"), std::string::npos) << forbidden;
  failure.capabilities = 0;
  const std::string missing = ErrorText(core::LoadRefusal(failure), true);
  EXPECT_NE(missing.find("grant CAP_BPF and CAP_PERFMON"), std::string::npos);
  for (const std::string& text : {refused, forbidden, missing}) {
    EXPECT_EQ(text.find("CAP_SYS_PTRACE"), std::string::npos) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  }
}

}  // namespace
}  // namespace plimsoll::cli
