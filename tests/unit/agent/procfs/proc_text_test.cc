#include "agent/procfs/proc_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

namespace plimsoll::procfs {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kStatTail[] =
    " S 1 42 42 34816 -1 4194304 900 0 7 0 11 5 0 0 20 0 3 0 123456 13000000 "
    "2500 "
    "18446744073709551615 94000 94500 140000 0 0 0 0 0 0 0 0 0 17 1\n";

TEST(ParseStatTest, ReadsTheFieldsByTheirNumbers) {
  auto stat = ParseStat(std::string("42 (python3)") + kStatTail);
  ASSERT_TRUE(stat.ok()) << stat.status();
  EXPECT_EQ(stat->comm, "python3");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent_pid, 1);
  EXPECT_EQ(stat->terminal, 34816);
  EXPECT_EQ(stat->minor_faults, 900);
  EXPECT_EQ(stat->major_faults, 7);
  EXPECT_EQ(stat->cpu_ticks, 16);
  EXPECT_EQ(stat->threads, 3);
  EXPECT_EQ(stat->start_ticks, 123456u);
  EXPECT_EQ(stat->start_code, 94000u);
  EXPECT_EQ(stat->start_stack, 140000u);
}

TEST(ParseStatTest, CommandNameMayHoldAnything) {
  for (const char* name : {"a) R 9", "((", "tab\there", "new\nline", ") S 1"}) {
    auto stat = ParseStat(std::string("42 (") + name + ")" + kStatTail);
    ASSERT_TRUE(stat.ok()) << name << stat.status();
    EXPECT_EQ(stat->comm, name);
    EXPECT_EQ(stat->start_ticks, 123456u);
  }
}

TEST(ParseStatTest, RefusesEveryTruncation) {
  std::string whole = std::string("42 (python3)") + kStatTail;
  size_t start = whole.find("123456");
  for (size_t cut = 0; cut < start; ++cut) {
    EXPECT_FALSE(ParseStat(whole.substr(0, cut)).ok()) << cut;
  }
}

TEST(ParseStatusTest, ReadsSizesInBytesAndTheInnermostPid) {
  auto status = ParseStatus(
      "Name:\tx\nRssAnon:\t    2000 kB\nRssFile:\t10 kB\nRssShmem:\t1 kB\n"
      "VmSwap:\t3 kB\nThreads:\t7\nNSpid:\t4711\t12\t1\n");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->rss_anon_bytes, 2000 * 1024);
  EXPECT_EQ(status->swap_bytes, 3 * 1024);
  EXPECT_EQ(status->threads, 7);
  EXPECT_FALSE(status->kernel_thread);
  EXPECT_THAT(status->ns_pids, ElementsAre(4711, 12, 1));
}

TEST(ParseStatusTest, KernelThreadHasNoSizes) {
  auto status = ParseStatus("Name:\tkthreadd\nThreads:\t1\n");
  ASSERT_TRUE(status.ok());
  EXPECT_TRUE(status->kernel_thread);
}

TEST(ParseStatusTest, RefusesSizesThatAreNone) {
  EXPECT_FALSE(ParseStatus("RssAnon:\tmany kB\nThreads:\t1\n").ok());
  EXPECT_FALSE(
      ParseStatus("RssAnon:\t9223372036854775807 kB\nThreads:\t1\n").ok());
  EXPECT_FALSE(ParseStatus("").ok());
}

TEST(ParseMapsTest, ReadsFilesWithOddNames) {
  auto maps = ParseMaps(
      "55d0-55f0 r-xp 00001000 fe:01 131 /usr/bin/python3.11\n"
      "7f00-7f10 rw-p 00000000 00:00 0 \n"
      "7f10-7f20 rw-s 00000000 00:19 77                  /tmp/a b (deleted)\n"
      "7f20-7f30 r--p 00000000 fe:01 9 /tmp/new\\012line\n"
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n");
  ASSERT_TRUE(maps.ok()) << maps.status();
  ASSERT_EQ(maps->size(), 5u);
  EXPECT_EQ((*maps)[0].start, 0x55d0u);
  EXPECT_EQ((*maps)[0].file_offset, 0x1000u);
  EXPECT_EQ((*maps)[0].device, makedev(0xfe, 1));
  EXPECT_EQ((*maps)[0].inode, 131u);
  EXPECT_TRUE((*maps)[0].executable);
  EXPECT_FALSE((*maps)[0].writable);
  EXPECT_EQ((*maps)[1].path, "");
  EXPECT_TRUE((*maps)[2].shared);
  EXPECT_EQ((*maps)[2].path, "/tmp/a b (deleted)");
  EXPECT_EQ((*maps)[4].end, 0xffffffffff601000u);
}

TEST(ParseMapsTest, RefusesWhatIsNoMapping) {
  EXPECT_FALSE(ParseMaps("garbage\n").ok());
  EXPECT_FALSE(ParseMaps("20-10 r-xp 0 00:00 0\n").ok());
  EXPECT_FALSE(ParseMaps("10-20 r-x 0 00:00 0\n").ok());
  EXPECT_FALSE(ParseMaps("10-20 r-xp 0 00:00\n").ok());
  EXPECT_TRUE(ParseMaps("").ok());
}

TEST(ParseEnvironTest, CopiesOnlyWhatIsAllowed) {
  using std::string_literals::operator""s;
  std::string text =
      "SECRET=hunter2\0DD_ENV=prod\0NOVALUE\0DD_ENV=second\0DD_ENVX=no\0"s;
  EXPECT_THAT(ParseEnviron(text, {"DD_ENV", "NOVALUE"}),
              UnorderedElementsAre(Pair("DD_ENV", "prod")));
}

TEST(ParseMeminfoTest, ReadsTheNode) {
  auto node = ParseMeminfo(
      "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable: 600 kB\n"
      "SwapFree: 50 kB\n");
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->mem_total_bytes, 1024000);
  EXPECT_EQ(node->mem_available_bytes, 614400);
  EXPECT_FALSE(ParseMeminfo("MemTotal: 1 kB\n").ok());
  EXPECT_EQ(ParseVmstatOomKills("a 1\noom_kill 4\n"), 4);
  EXPECT_EQ(ParseVmstatOomKills("a 1\n"), std::nullopt);
}

}  // namespace
}  // namespace plimsoll::procfs
