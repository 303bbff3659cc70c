// The root of an image, as tools/image/make-root makes it: the programs start
// in it, and nothing else does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/run_command.h"
#include "tests/support/temp_dir.h"

namespace plimsoll {
namespace {

using testing::CommandResult;
using ::testing::HasSubstr;
using testing::RunCommand;

TEST(ImageTest, TheProgramsStartInARootWithoutAShell) {
  if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const char* source = std::getenv("PLIMSOLL_SOURCE_DIR");
  const std::string tool =
      std::string(source == nullptr ? "." : source) + "/tools/image/make-root";
  const testing::TempDir dir;
  const std::string root = (dir.path() / "root").string();
  CommandResult result =
      RunCommand({"/usr/bin/env", "PLIMSOLL_BIN_DIR=" + testing::BinDir(), tool,
                  root, "plimsoll-agent", "plimsoll-inspector",
                  "plimsoll-collector", "plimsoll"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* program :
       {"plimsoll-agent", "plimsoll-collector", "plimsoll"}) {
    result = RunCommand({"/usr/sbin/chroot", root,
                         std::string("/usr/bin/") + program, "--version"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr(program));
  }
  // Started by hand it says that the agent does that; it must get so far.
  result =
      RunCommand({"/usr/sbin/chroot", root, "/usr/bin/plimsoll-inspector"});
  EXPECT_NE(result.exit_code, 127) << result.err;
  EXPECT_THAT(result.err, ::testing::Not(HasSubstr("shared librar")));
  result = RunCommand({"/usr/sbin/chroot", root, "/bin/sh", "-c", "true"});
  EXPECT_EQ(result.exit_code, 127) << "there is a shell in it";
  // As the collector's image runs: it must be able to keep its state.
  result = RunCommand({"/usr/sbin/chroot", "--userspec=65532:65532", root,
                       "/usr/bin/plimsoll-collector", "--version"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  uintmax_t bytes = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file() && !entry.is_symlink()) {
      bytes += entry.file_size();
    }
  }
  EXPECT_LT(bytes, uintmax_t{120} << 20) << "of all programs";
}

}  // namespace
}  // namespace plimsoll
