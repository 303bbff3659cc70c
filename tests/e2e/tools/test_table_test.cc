// The table of interpreters and tests that tools/test-table makes of ctest's
// logs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/support/run_command.h"
#include "tests/support/temp_dir.h"

namespace plimsoll {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kLog[] =
    "1/3 Testing: bpf/cli\n"
    "[       OK ] Pythons/A.Right/_usr_bin_python3_11 (5 ms)\n"
    "[  FAILED  ] Pythons/A.Wrong/_x_bin_sid_shared_python3_14, where "
    "GetParam() = \"/x/bin/sid-shared/python3.14\" (7 ms)\n"
    "[  FAILED  ] B.NamesNone (1 ms)\n"
    "[  FAILED  ] B.NamesNone\n"
    "Test Failed.\n"
    "2/3 Testing: bpf/late\n"
    "[       OK ] B.Begins (5 ms)\n"
    "Test Failed.\n";

// A failed case carries its parameter in words, and was not counted; a program
// that ran out of time has none.
TEST(TestTable, WhatFailedIsShown) {
  const char* source = std::getenv("PLIMSOLL_SOURCE_DIR");
  const testing::TempDir dir;
  const std::string log = (dir.path() / "log").string();
  std::ofstream(log) << kLog;
  const auto result = testing::RunCommand(
      {std::string(source == nullptr ? "." : source) + "/tools/test-table",
       log});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("| 3.11, Debian's | 1 |"),
                    HasSubstr("| 3.14, sid-shared | 0, **1 failed** |"),
                    HasSubstr("- bpf/cli: B.NamesNone\n"),
                    HasSubstr("- bpf/late, as a whole")));
}

}  // namespace
}  // namespace plimsoll
