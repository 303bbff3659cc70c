#include "agent/core/birth_word.h"

#include <gtest/gtest.h>

#include <vector>

namespace plimsoll::core {
namespace {

PythonProcess Python311() {
  PythonProcess python;
  python.build.version = {3, 11, 2};
  return python;
}

TEST(BirthWord, EachKindHasItsWord) {
  PythonProcess python = Python311();
  const auto word = [&python](const char* name, bool heap, uint32_t offset,
                              int32_t block_bytes = 96) {
    BirthSurvey survey;
    survey.tp_name = name;
    survey.type_flags = heap ? 1 << 9 : 0;
    auto found = FindBirthWord(survey, {block_bytes, offset, 1, 1}, python);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.value_or(BirthWord{});
  };
  EXPECT_EQ(word("Point", true, 16).watched, 24U);
  EXPECT_EQ(word("Point", true, 32).watched, 40U);
  EXPECT_TRUE(word("Point", true, 32).is_type());
  EXPECT_EQ(word("str", false, 0).watched, 8U);
  EXPECT_EQ(word("float", false, 0).watched, 16U);
  EXPECT_EQ(word("float", false, 0).gc_next, kAbsent);
  EXPECT_EQ(word("tuple", false, 16).watched, 48U) << "the second item";
  EXPECT_EQ(word("tuple", false, 16, 64).watched, 48U) << "two or three items";
  EXPECT_EQ(word("tuple", false, 16, 48).watched, 40U) << "one";
  EXPECT_EQ(word("list", false, 16).watched, 40U);
  EXPECT_EQ(word("dict", false, 16).watched, 48U);
  EXPECT_EQ(word("dict", false, 16).gc_next, 0);
  EXPECT_EQ(word("dict", true, 16).watched, 24U) << "a subclass of dict";
  EXPECT_EQ(word("int", false, 0).watched, 8U);
  EXPECT_EQ(word("method", false, 16).watched, 32U);
  python.build.version = {3, 14, 0};
  EXPECT_EQ(word("int", false, 0).watched, 16U) << "in a free list since 3.14";
  EXPECT_EQ(word("tuple", false, 16, 64).watched, 48U) << "behind its hash";
  EXPECT_EQ(word("tuple", false, 16, 80).watched, 56U) << "two or more items";
}

TEST(SurveyOfGrowth, KeepsWhatGrewByItsGrowth) {
  BirthSurvey before;
  before.classes = {{64, 0, 1000, 1}, {80, 0, 10, 1}};
  BirthSurvey after;
  after.classes = {{64, 0, 1000, 1}, {80, 0, 15, 1}, {96, 0, 9, 1}};
  const BirthSurvey grown = SurveyOfGrowth(before, after);
  EXPECT_EQ(grown.classes,
            (std::vector<BlockClass>{{96, 0, 9, 1}, {80, 0, 5, 1}}));
  EXPECT_EQ(SurveyOfGrowth(after, after).classes, after.classes);
}

TEST(BirthWord, WhatIsNotKnownIsRefused) {
  PythonProcess python = Python311();
  python.build.free_threaded = true;
  EXPECT_TRUE(absl::IsUnimplemented(
      FindBirthWord({}, {96, 16, 1, 1}, python).status()));
  python = Python311();
  python.build.version = {3, 16, 0};
  EXPECT_TRUE(absl::IsUnimplemented(
      FindBirthWord({}, {96, 16, 1, 1}, python).status()));
  EXPECT_TRUE(absl::IsUnimplemented(
      FindBirthWord({}, {16, 16, 1, 1}, Python311()).status()))
      << "no room for the word";
  BirthSurvey iterators;
  iterators.tp_name = "async_generator";
  EXPECT_TRUE(absl::IsUnimplemented(
      FindBirthWord(iterators, {64, 0, 1, 1}, Python311()).status()))
      << "reborn from a free list without a write that is known";
}

}  // namespace
}  // namespace plimsoll::core
