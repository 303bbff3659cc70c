#include "agent/core/unreadable_processes.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

TEST(UnreadableProcessesTest, TheLogNamesAFewOfEachReason) {
  EXPECT_EQ(DescribeUnreadable({}), "");
  EXPECT_EQ(
      DescribeUnreadable({{"it is of 2.7", {12}}, {"no access", {3, 4, 5, 6}}}),
      "; 5 cannot be read: 1 it is of 2.7 (PID 12); 4 no access (PID 3, "
      "4, 5, ...)");
}

}  // namespace
}  // namespace plimsoll::core
