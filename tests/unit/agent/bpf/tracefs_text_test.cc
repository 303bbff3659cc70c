#include "agent/bpf/tracefs_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::bpf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TracefsTextTest, LinesAreAsTheKernelReadsThem) {
  EXPECT_EQ(
      TracefsLine("p7_1", "/proc/self/fd/5", {.file_offset = 0x2f0}, false),
      "p:plimsoll/p7_1 /proc/self/fd/5:0x2f0");
  EXPECT_EQ(
      TracefsLine("p7_2", "/proc/self/fd/5",
                  {.file_offset = 0x2f0, .semaphore_offset = 0xab}, false),
      "p:plimsoll/p7_2 /proc/self/fd/5:0x2f0(0xab)");
  EXPECT_EQ(TracefsLine("p7_3", "/a", {.file_offset = 1}, true),
            "r:plimsoll/p7_3 /a:0x1");
  EXPECT_EQ(TracefsRemoval("p7_3"), "-:plimsoll/p7_3");
}

TEST(TracefsTextTest, OnlyOurNamesAreTaken) {
  EXPECT_THAT(
      TracefsNames("p:plimsoll/p1_1 /proc/self/fd/6:0x0000000000002000\n"
                   "p:uprobes/p_bash /bin/bash:0x10 arg1=%ax\n"
                   "r:plimsoll/p1_2 /x:0x10\n"
                   "p:plimsollx/no /x:0x1\n"
                   "p:plimsoll/ /x:0x1\n"
                   "p:other/plimsoll/no :plimsoll/no\n"
                   "p:plimsoll/last"),
      ElementsAre("p1_1", "p1_2", "last"));
  EXPECT_THAT(TracefsNames(""), IsEmpty());
  EXPECT_THAT(TracefsNames("\n\n:plimsoll/\n"), IsEmpty());
}

}  // namespace
}  // namespace plimsoll::bpf
