#include "collector/core/type_growth.h"

#include <gtest/gtest.h>

#include "collector/core/type_names.h"

namespace plimsoll::collector {
namespace {

TypeTrend Trend(const std::string& type, double objects, double bytes) {
  return {type,
          {objects, objects * 0.95, objects * 1.05},
          {bytes, bytes * 0.9, bytes * 1.1}};
}

TEST(RankTypes, RollsBuiltinsUpToTheClassThatOwnsThem) {
  const auto ranked =
      RankTypes({{Trend("dict", 100, 23200), Trend("float", 202, 4800),
                  Trend("routing.vehicles.FloatingVehicle", 100, 4800),
                  Trend("collections.deque", 3, 1800)}},
                40000);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].type, "routing.vehicles.FloatingVehicle");
  EXPECT_EQ(ranked[0].rolled_up,
            (std::vector<std::string>{"2 float", "1 dict"}));
  EXPECT_NEAR(ranked[0].share, (23200 + 4800 + 4800) / 40000.0, 1e-9);
  EXPECT_EQ(ranked[1].type, "collections.deque");
}

TEST(RankTypes, NamesTheBuiltinWhenNoClassGrowsWithIt) {
  // A class attribute that is a list: tuples and ints, nobody's.
  const auto ranked =
      RankTypes({{Trend("tuple", 50, 3600), Trend("int", 50, 1600)}}, 6000);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].type, "tuple");
  EXPECT_TRUE(ranked[0].builtin);
}

TEST(RankTypes, AnOnlookerIsNotNamedFirst) {
  const auto ranked = RankTypes(
      {{Trend("app.Session", 0.1, 20), Trend("dict", 1000, 232000)}}, 240000);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].type, "dict");
}

TEST(RankTypes, SumsProcessesAndTheirErrorsAddInSquares) {
  const auto ranked =
      RankTypes({{Trend("app.A", 30, 3000)}, {Trend("app.A", 40, 4000)}}, 7000);
  ASSERT_EQ(ranked.size(), 1u);
  EXPECT_DOUBLE_EQ(ranked[0].objects_per_s.value, 70);
  EXPECT_NEAR(ranked[0].objects_per_s.hi, 70 + 2.5, 1e-9);
  EXPECT_DOUBLE_EQ(ranked[0].share, 1);
}

// A page once said a quarter of the objects: the faster of two processes had
// had no such request between its last two looks.
TEST(RankTypes, ATypeThatRestsInOneProcessIsNotLeftOutOfTheSum) {
  TypeTrend rests = Trend("app.Vehicle", 60, 9600);
  rests.rising = false;
  TypeTrend cache = Trend("app.Cache", 5, 500);
  cache.rising = false;
  const auto ranked = RankTypes(
      {{Trend("app.Vehicle", 20, 3200), Trend("tuple", 20, 1280), cache},
       {rests, Trend("tuple", 60, 3840)}},
      18000);
  ASSERT_EQ(ranked.size(), 1u) << "what rises nowhere is no growth";
  EXPECT_DOUBLE_EQ(ranked[0].objects_per_s.value, 80);
  EXPECT_EQ(ranked[0].rolled_up, (std::vector<std::string>{"1 tuple"}));
  EXPECT_NEAR(ranked[0].share, 17920.0 / 18000, 1e-9);
}

TEST(TypeNames, WhoseATypeIs) {
  EXPECT_EQ(TypeOrigin("dict"), Origin::kBuiltin);
  EXPECT_EQ(TypeOrigin("multiprocessing.pool.ApplyResult"), Origin::kLibrary);
  EXPECT_EQ(TypeOrigin("_thread.lock"), Origin::kLibrary);
  EXPECT_EQ(TypeOrigin("routing.vehicles.FloatingVehicle"),
            Origin::kApplication);
  EXPECT_EQ(TypeOrigin("__main__.Thing"), Origin::kApplication);
}

TEST(TypeNames, PathsAreShortenedToWhatTellsThemApart) {
  EXPECT_EQ(ShortPath("/usr/lib/python3.11/multiprocessing/pool.py"),
            "multiprocessing/pool.py");
  EXPECT_EQ(ShortPath("/v/lib/python3.9/site-packages/flask/app.py"),
            "flask/app.py");
  EXPECT_EQ(ShortPath("/a/b/c/d/e.py"), "d/e.py");
  EXPECT_EQ(ShortPath("e.py"), "e.py");
  EXPECT_EQ(ShortPath("/e.py"), "/e.py");
  EXPECT_EQ(ShortPath(""), "");
  EXPECT_EQ(ShortPath("/lib/python"), "lib/python");
}

}  // namespace
}  // namespace plimsoll::collector
