#include "agent/core/refusal_label.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::core {
namespace {

TEST(RefusalLabel, KeepsWordsAndVersions) {
  for (const char* reason :
       {"CPython 2.7 is not supported", "not probed: BPF is off",
        "CPython 3.14.0 to 3.14.4 has another collector",
        "its malloc is jemalloc, only glibc's is followed",
        "uretprobes crash on kernels 6.11 to 6.13 (x86-64)",
        "a free-threaded CPython (3.13t) cannot be read"}) {
    EXPECT_EQ(RefusalLabel(reason), reason);
  }
}

TEST(RefusalLabel, HasNoPid) {
  EXPECT_EQ(RefusalLabel("process 4242 was ended by SIGTRAP"),
            "process N was ended by SIGTRAP");
  EXPECT_EQ(RefusalLabel("not probed: (pid 7) is gone; pid4242 too"),
            "not probed: (pid N) is gone; pidN too");
  EXPECT_EQ(RefusalLabel("at 0x7f00dead, 12"), "at N N");
}

TEST(RefusalLabel, HasNoPathEvenOneWithSpaces) {
  EXPECT_EQ(RefusalLabel("the file at /srv/a b/python3.9 is not the one"),
            "the file at ... is not the one");
  EXPECT_EQ(RefusalLabel("open \"/proc/4242/map_files/1-2\": no"),
            "open ... no");
}

TEST(RefusalLabel, HasNoFigures) {
  EXPECT_EQ(RefusalLabel("budget: 8.3 % of a core (12,000 hits at 6,900 ns)"),
            "budget: N % of a core (N hits at N ns)");
}

TEST(RefusalLabel, IsShortAndPrintable) {
  EXPECT_EQ(RefusalLabel(std::string(1000, 'a')).size(), 120u);
  EXPECT_EQ(RefusalLabel("a\n\xff\x01"
                         "b"),
            "a b");
  EXPECT_EQ(RefusalLabel(""), "no reason given");
}

TEST(BoundRefusals, KeepsTheMostFrequentAndSumsTheRest) {
  const RefusalCounts counts = {{"a", 1}, {"b", 5}, {"c", 2}, {"d", 2}};
  EXPECT_EQ(BoundRefusals(counts, 2),
            (RefusalCounts{{"b", 5}, {"c", 2}, {"other", 3}}));
  EXPECT_EQ(BoundRefusals(counts, 4), counts);
}

TEST(BoundRefusals, MadeUpReasonsAreFew) {
  RefusalCounts counts;
  for (int i = 0; i < 1000; ++i)
    counts[std::string(3, char('a' + i % 26)) +
           std::string(size_t(i / 26), 'x')] = 1;
  EXPECT_EQ(BoundRefusals(counts).size(), kMostRefusalLabels + 1);
  EXPECT_EQ(BoundRefusals(counts).at("other"), 990);
}

}  // namespace
}  // namespace plimsoll::core
