#include "cli/exit_code.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace plimsoll::cli
