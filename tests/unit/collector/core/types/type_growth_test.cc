#include "collector/core/types/type_growth.h"

#include <gtest/gtest.h>

#include "collector/core/types/type_names.h"

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

// Incident 4: DictCursor grew by one per call among hundreds of dicts, tuples
// and columns that it owns.
TEST(RankTypes, AClassThatComesSeveralTimesWithAnotherIsRolledUpIntoIt) {
  const auto ranked = RankTypes(
      {{Trend("psycopg2.extensions.Column", 52, 9000), Trend("dict", 10, 4000),
        Trend("psycopg2.extras.DictCursor", 10, 3200), Trend("method", 10, 640),
        Trend("str", 53, 3000)}},
      22000);
  ASSERT_FALSE(ranked.empty());
  EXPECT_EQ(ranked[0].type, "psycopg2.extras.DictCursor");
  EXPECT_NEAR(ranked[0].share, 19840.0 / 22000, 1e-9);
}

TEST(RankTypes, OfTwoClassesThatAreAsManyNeitherOwnsTheOther) {
  const auto ranked =
      RankTypes({{Trend("app.A", 10, 900), Trend("app.B", 10, 600)}}, 2000);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].type, "app.A");
}

// Incident 5: each item's picture is a BytesIO, which owns its bytes.
TEST(RankTypes, ALibrarysClassOwnsBuiltinsWhereNoApplicationsClassDoes) {
  const auto ranked = RankTypes(
      {{Trend("bytes", 3, 750000), Trend("_io.BytesIO", 3, 240)}}, 760000);
  ASSERT_EQ(ranked.size(), 1u);
  EXPECT_EQ(ranked[0].type, "_io.BytesIO");
  EXPECT_EQ(ranked[0].rolled_up, (std::vector<std::string>{"1 bytes"}));
}

TEST(RankTypes, ExistingObjectsThatGrowAreGrowthToo) {
  const auto ranked =
      RankTypes({{Trend("bytearray", 0, 500000), Trend("int", 0, 0)}}, 520000);
  ASSERT_EQ(ranked.size(), 1u);
  EXPECT_EQ(ranked[0].type, "bytearray");
}

TEST(RankTypes, NamesTheBuiltinWhenNoClassGrowsWithIt) {
  // A class attribute that is a list: tuples and ints, nobody's.
  const auto ranked =
      RankTypes({{Trend("tuple", 50, 3600), Trend("int", 50, 1600)}}, 6000);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].type, "tuple");
  EXPECT_TRUE(ranked[0].builtin);
}

// Tasks that are never awaited: asyncio's objects are larger than the
// coroutine.
TEST(RankTypes, WhatALibraryMakesForACoroutineComesWithIt) {
  const auto ranked = RankTypes(
      {{Trend("coroutine", 100, 20000), Trend("collections.deque", 101, 76000),
        Trend("_asyncio.Task", 100, 22000), Trend("dict", 99, 23000),
        Trend("asyncio.locks.Event", 30, 2000)}},
      150000);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].type, "coroutine");
  EXPECT_EQ(ranked[0].rolled_up.size(), 3u);
  EXPECT_EQ(ranked[1].type, "asyncio.locks.Event") << "not in step";
  // A class of the application owns the coroutine.
  const auto owned = RankTypes(
      {{Trend("coroutine", 100, 20000), Trend("app.Request", 100, 4800)}},
      30000);
  ASSERT_EQ(owned.size(), 1u);
  EXPECT_EQ(owned[0].type, "app.Request");
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

// A request that leaks ten thousand vehicles comes every quarter of a minute:
// in a census or two there was none, and a type that others make too rises.
TEST(RankTypes, ATypeThatGrowsInLumpsIsNamedWhereTheSteadyOnesExplainLittle) {
  TypeTrend vehicles = Trend("routing.FloatingVehicle", 646, 107e3);
  vehicles.rising = false;
  const TypeTrend tuples = Trend("tuple", 637, 41e3);
  const auto types = RankTypes({{tuples, vehicles}}, 177e3);
  ASSERT_EQ(types.size(), 1u);
  EXPECT_EQ(types[0].type, "routing.FloatingVehicle");
  EXPECT_EQ(types[0].rolled_up, (std::vector<std::string>{"1 tuple"}));
  // Not where the steady ones explain it, where its slope may be nothing, or
  // where nobody knows what there is to explain.
  EXPECT_EQ(RankTypes({{tuples, vehicles}}, 60e3)[0].type, "tuple");
  EXPECT_EQ(RankTypes({{tuples, vehicles}}, 0)[0].type, "tuple");
  vehicles.objects_per_s.lo = 0;
  EXPECT_EQ(RankTypes({{tuples, vehicles}}, 177e3)[0].type, "tuple");
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
