#include "tests/arch/include_rules.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace plimsoll::arch {
namespace {

TEST(IncludeRules, TheTreeKeepsThem) {
  int looked_at = 0;
  for (const SourceFile& file : Files()) {
    if (!IsCxx(file.path)) continue;
    for (const Include& include : IncludesOf(file)) {
      ++looked_at;
      const std::string why = WhyNotAllowed(file.path, include);
      EXPECT_EQ(why, "") << file.path << ":" << include.line << " includes "
                         << include.target;
    }
  }
  EXPECT_GT(looked_at, 100);  // else the walk is broken, not the tree clean
}

TEST(IncludeRules, CoreIsPure) {
  for (const SourceFile& file : Files()) {
    if (!IsCxx(file.path)) continue;
    std::istringstream in(file.text);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      EXPECT_EQ(WhyImpure(file.path, line), "") << file.path << ":" << number;
    }
  }
}

struct Case {
  const char* path;
  const char* target;
  bool quoted;
  bool allowed;
};

class IncludeRulesTable : public ::testing::TestWithParam<Case> {};

TEST_P(IncludeRulesTable, Holds) {
  const Case& c = GetParam();
  const std::string why = WhyNotAllowed(
      c.path, {.line = 1, .target = c.target, .quoted = c.quoted});
  EXPECT_EQ(why.empty(), c.allowed) << c.path << " -> " << c.target << why;
}

INSTANTIATE_TEST_SUITE_P(
    All, IncludeRulesTable,
    ::testing::Values(
        Case{"agent/core/a.h", "agent/core/b.h", true, true},
        Case{"agent/core/a.h", "agent/heap/b.h", true, false},
        Case{"agent/core/a.h", "unistd.h", false, false},
        Case{"agent/core/a.h", "sys/mman.h", false, false},
        Case{"agent/core/a.h", "plimsoll/v1/common.pb.h", true, false},
        Case{"agent/core/a.h", "plimsoll/bpf_events.h", true, false},
        Case{"agent/core/a.h", "plimsoll/drop_reasons.h", true, true},
        Case{"agent/heap/a.cc", "agent/core/b.h", true, true},
        Case{"agent/heap/a.cc", "agent/procfs/b.h", true, false},
        Case{"agent/heap/a.cc", "collector/core/b.h", true, false},
        Case{"agent/inspector/a.cc", "agent/heap/b.h", true, true},
        Case{"agent/procfs/a.cc", "bpf/libbpf.h", false, false},
        Case{"agent/bpf/a.cc", "bpf/libbpf.h", false, true},
        Case{"agent/procfs/a.cc", "plimsoll/v1/stream.pb.h", true, false},
        Case{"agent/export/a.cc", "plimsoll/v1/stream.pb.h", true, true},
        Case{"agent/main.cc", "agent/heap/b.h", true, true},
        Case{"agent/main.cc", "collector/core/b.h", true, false},
        Case{"collector/http/a.cc", "collector/store/b.h", true, false},
        Case{"collector/http/a.cc", "collector/core/b.h", true, true},
        Case{"cli/a.cc", "collector/core/b.h", true, true},
        Case{"collector/core/growth/a.cc", "collector/core/stats/b.h", true,
             true},
        Case{"collector/core/growth/a.cc", "collector/core/b.h", true, true},
        Case{"collector/core/stats/a.h", "collector/core/growth/b.h", true,
             false},
        Case{"collector/core/a.h", "collector/core/stats/b.h", true, false},
        Case{"collector/core/new/a.h", "collector/core/b.h", true, false},
        Case{"cli/a.cc", "collector/store/b.h", true, false},
        Case{"cli/a.cc", "agent/heap/b.h", true, true},
        Case{"cli/report/a.cc", "cli/report/b.h", true, true},
        Case{"cli/report/a.cc", "cli/session/b.h", true, false},
        Case{"cli/verbs/a.cc", "cli/report/b.h", true, true},
        Case{"bpf/gc.bpf.c", "agent/core/a.h", true, false},
        Case{"bpf/gc.bpf.c", "plimsoll/bpf_events.h", true, true},
        Case{"include/plimsoll/a.h", "agent/core/a.h", true, false},
        Case{"cli/a.cc", "tests/support/a.h", true, false}));

}  // namespace
}  // namespace plimsoll::arch
