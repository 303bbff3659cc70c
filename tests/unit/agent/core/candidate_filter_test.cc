#include "agent/core/candidate_filter.h"

#include <gtest/gtest.h>

namespace plimsoll::core {
namespace {

Mapping File(uint64_t inode, bool executable = true) {
  Mapping mapping;
  mapping.device = 1;
  mapping.inode = inode;
  mapping.executable = executable;
  return mapping;
}

TEST(CandidateFilterTest, AFileWithoutPythonIsAskedAboutOnce) {
  CandidateFilter filter;
  EXPECT_TRUE(filter.MayBePython({File(1), File(2)}));
  filter.LearnNotPython({File(1), File(2)});
  EXPECT_FALSE(filter.MayBePython({File(1), File(2)}));
  EXPECT_FALSE(filter.MayBePython({File(2)}));
}

TEST(CandidateFilterTest, ANewFileMakesACandidateAgain) {
  CandidateFilter filter;
  filter.LearnNotPython({File(1)});
  // uWSGI loads its Python plug-in after its start.
  EXPECT_TRUE(filter.MayBePython({File(1), File(3)}));
}

TEST(CandidateFilterTest, DataAndAnonymousMemoryDoNotCount) {
  CandidateFilter filter;
  EXPECT_FALSE(filter.MayBePython({File(1, false), File(0)}));
  filter.LearnNotPython({File(7, false)});
  EXPECT_TRUE(filter.MayBePython({File(7)}));
}

TEST(CandidateFilterTest, DeviceCounts) {
  CandidateFilter filter;
  filter.LearnNotPython({File(1)});
  Mapping other = File(1);
  other.device = 2;
  EXPECT_TRUE(filter.MayBePython({other}));
}

TEST(CandidateFilterTest, IsBounded) {
  CandidateFilter filter;
  for (uint64_t i = 1; i < 100'000; ++i) filter.LearnNotPython({File(i)});
  EXPECT_LE(filter.size(), 16'384u);
}

}  // namespace
}  // namespace plimsoll::core
