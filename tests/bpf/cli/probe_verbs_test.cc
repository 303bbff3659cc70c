// stacks and gc of the real program, with probes on live interpreters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/support/bpf_requirement.h"
#include "tests/support/full_run.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"
#include "tests/support/run_command.h"

namespace plimsoll {
namespace {

using nlohmann::json;
using ::plimsoll::testing::BinDir;
using ::plimsoll::testing::FindPythons;
using ::plimsoll::testing::IsFull;
using ::plimsoll::testing::kUwsgi;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::RunCommand;
using ::plimsoll::testing::SupportedPythonsAndUwsgi;
using ::plimsoll::testing::TestName;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Line numbers count from the first line of the script.
constexpr char kLeakScript[] = R"(import gc, sys, time
class Barnacle(object):
    __slots__ = ('a', 'b', 'c', 'd')
kept = []
def settle():
    kept.append(
        Barnacle())
def voyage():
    settle()
def scrape():
    return [dict(a=i) for i in range(20)]
print('ready'); sys.stdout.flush()
begin, turns = time.time(), 0
while True:
    while turns < 2000 * (time.time() - begin):
        voyage(); scrape(); turns += 1
    time.sleep(0.005)
)";
constexpr int kLeakLine = 7;
constexpr int kCallerLine = 9;

// The C library's own malloc, by ctypes with the GIL held: what one line keeps,
// another makes and gives back, ten times as often and of the same size.
constexpr char kMallocScript[] = R"(import ctypes, sys, time
libc = ctypes.PyDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
kept = []
def hold():
    kept.append(
        libc.malloc(3000))
def pass_on():
    libc.free(libc.malloc(3000))
print('ready'); sys.stdout.flush()
begin, turns = time.time(), 0
while True:
    while turns < 100 * (time.time() - begin):
        hold(); turns += 1
        for i in range(10): pass_on()
    time.sleep(0.005)
)";
constexpr int kHoldLine = 8;

// Takes fresh memory at 6 MB/s.
constexpr char kGrowScript[] = R"(import sys, time
kept = []
print('ready'); sys.stdout.flush()
while True:
    kept.append([chr(97 + i % 26) * 3000 for i in range(100)])
    time.sleep(0.05)
)";

constexpr char kCollectScript[] = R"(
import gc, json, sys, time
gc.disable()
print('ready'); sys.stdout.flush()
while True:
    gc.collect(); time.sleep(0.05)
)";

json AskJson(std::vector<std::string> words) {
  words.insert(words.begin(), BinDir() + "/plimsoll");
  words.push_back("--json");
  const auto result = RunCommand(words);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out, nullptr, false);
}

// Debian's stripped 3.11, unstripped 3.12 and 3.13, and a worker of uWSGI; all
// with PLIMSOLL_FULL=1.
std::vector<std::string> ProbedPythons() {
  if (IsFull()) return SupportedPythonsAndUwsgi();
  std::vector<std::string> found;
  for (const std::string& python : FindPythons()) {
    const std::regex wanted("^/usr/bin/python3\\.11$|python3\\.1[23]$");
    if (std::regex_search(python, wanted)) found.push_back(python);
  }
  found.emplace_back(kUwsgi);
  return found;
}

class ProbeVerbs : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { PLIMSOLL_NEEDS_BPF(); }
};
INSTANTIATE_TEST_SUITE_P(Pythons, ProbeVerbs,
                         ::testing::ValuesIn(ProbedPythons()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProbeVerbs);

class GcVerb : public ProbeVerbs {};
INSTANTIATE_TEST_SUITE_P(Pythons, GcVerb,
                         ::testing::ValuesIn(SupportedPythonsAndUwsgi()),
                         TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GcVerb);

// What cannot be read is refused by name, and its growth is still seen.
class FreeThreadedStacks : public ProbeVerbs {};
INSTANTIATE_TEST_SUITE_P(Pythons, FreeThreadedStacks,
                         ::testing::ValuesIn(testing::PythonsOf(
                             testing::PythonKind::kFreeThreaded, 13, 99)),
                         TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FreeThreadedStacks);

TEST_P(FreeThreadedStacks, AreNativeOnesAndItIsSaidWhy) {
  PythonTarget target(GetParam(), kGrowScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const json document =
      AskJson({"stacks", std::to_string(target.pid()), "--for", "4s"});
  EXPECT_THAT(document["notes"].dump(), AllOf(HasSubstr("native stacks only"),
                                              HasSubstr("free-threaded")));
  EXPECT_EQ(document["python"], nullptr);
  ASSERT_FALSE(document["stacks"].empty()) << document;
  int64_t bytes = 0;
  int named = 0;
  for (const json& row : document["stacks"]) {
    EXPECT_EQ(row["kind"], "page");
    bytes += row["bytes"].get<int64_t>();
    for (const json& frame : row["frames"]) {
      EXPECT_NE(frame["module"], "") << row;
      named += frame["function"] == "_PyEval_EvalFrameDefault" ? 1 : 0;
    }
  }
  // 6 MB/s for four seconds, on a full machine less.
  EXPECT_GT(bytes, 2'000'000) << document;
  EXPECT_LT(bytes, 60'000'000) << document;
  EXPECT_GT(named, 0) << document;
}

TEST_P(ProbeVerbs, StacksNamesTheLineThatLeaks) {
  PythonTarget target(GetParam(), kLeakScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const json document = AskJson({"stacks", std::to_string(target.pid()),
                                 "--for", "6s", "--type", "__main__.Barnacle"});
  ASSERT_FALSE(document["stacks"].empty()) << document;
  const json& first = document["stacks"][0];
  EXPECT_EQ(first["type"], "__main__.Barnacle");
  EXPECT_EQ(first["kind"], "born") << document["notes"];
  EXPECT_GE(first["samples"], 5);
  EXPECT_GT(first["share_ci"][0], 0.5);
  EXPECT_LT(document["births"]["target_core_share"], 0.03);
  EXPECT_GT(first["objects"], 100);
  EXPECT_GT(first["share"], 0.99);
  ASSERT_GE(first["frames"].size(), 2u);
  EXPECT_EQ(first["frames"][0]["function"], "settle");
  EXPECT_EQ(first["frames"][0]["line"], kLeakLine);
  EXPECT_EQ(first["frames"][1]["function"], "voyage");
  EXPECT_EQ(first["frames"][1]["line"], kCallerLine);
  EXPECT_GT(document["explained_share"], 0.5);
  EXPECT_LT(document["window_seconds"], document["seconds"]);
}

// A server that forks workers for ever and writes to what it shares with them:
// every page of it is copied, none is new.
constexpr char kPreforkScript[] = R"(import mmap, os, sys, time
PAGES = 2000
memory = mmap.mmap(-1, PAGES * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
if hasattr(memory, 'madvise'): memory.madvise(15)
def touch():
    for i in range(PAGES): memory[i * 4096] = 1
touch()
print('ready'); sys.stdout.flush()
while True:
    worker = os.fork()
    if worker == 0:
        time.sleep(60); os._exit(0)
    touch()
    os.kill(worker, 9); os.waitpid(worker, 0)
    time.sleep(0.1)
)";

TEST_P(ProbeVerbs, PagesCopiedAfterAForkAreNoGrowth) {
  PythonTarget target(GetParam(), kPreforkScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const json document =
      AskJson({"stacks", std::to_string(target.pid()), "--for", "2s"});
  int64_t bytes = 0;
  for (const json& row : document["stacks"]) {
    if (row["kind"] == "page") bytes += row["bytes"].get<int64_t>();
  }
  // Of 8 MB each time: what Python itself takes to fork and wait.
  EXPECT_LT(bytes, 1 << 20) << document["stacks"];
}

// Where hits are stepped and not emulated this script's windows may rightly
// cost too much: then none is listed, and the note has the sum.
bool IsRightlyRefused(const json& document) {
  static const std::regex kRefused(
      "would cost the target ([0-9.]+) % of a core \\([0-9]+ hits/s at "
      "([0-9]+) ns\\).*the bound is 20 % of a core");
  const std::string notes = document["notes"].dump();
  std::smatch figures;
  if (!std::regex_search(notes, figures, kRefused)) return false;
  EXPECT_GT(std::stod(figures[1]), 20) << notes;
  EXPECT_GT(std::stod(figures[2]), 8000) << "not stepped: " << notes;
  for (const json& row : document["stacks"]) {
    EXPECT_NE(row["kind"], "window") << row;
  }
  return true;
}

TEST_P(ProbeVerbs, StacksSaysThatWindowsAreNotWhatStays) {
  PythonTarget target(GetParam(), kLeakScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const json document =
      AskJson({"stacks", std::to_string(target.pid()), "--for", "2s"});
  if (IsRightlyRefused(document)) return;
  EXPECT_THAT(document["notes"].dump(), HasSubstr("kept or not"));
  EXPECT_EQ(document["stacks"][0]["type"], "__main__.Barnacle")
      << "what grows comes before what is made most";
  // No window with frees was asked for: nothing may be called trusted.
  EXPECT_TRUE(document["net_counts_refused"].is_null());
  EXPECT_THAT(document["net_counts_reason"].dump(), HasSubstr("--verbose"));
}

// Makes and drops, and keeps nothing: through free lists (float, tuple, list,
// dict) and by pymalloc the next one stands where the last one stood.
constexpr char kReuseScript[] = R"(import gc, sys, time
gc.disable()
class Flotsam(object):
    __slots__ = ('a', 'b')
makers = (lambda: float('1.5'), lambda: tuple([gc, sys]), lambda: [gc, sys],
          lambda: {'a': gc}, Flotsam)
def drift(make):
    seen, again = set(), 0
    for i in range(40):
        at = id(make()); again += at in seen; seen.add(at)
    return again
reused = [drift(make) for make in makers]
print('ready' if min(reused) > 20 else 'not reused: %s' % reused)
sys.stdout.flush()
while True:
    for make in makers: drift(make)
    time.sleep(0.01)
)";

TEST_P(ProbeVerbs, WhatIsHandedOnIsNotCalledSurviving) {
  PythonTarget target(GetParam(), kReuseScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const json document =
      AskJson({"stacks", std::to_string(target.pid()), "--for", "4s"});
  if (IsRightlyRefused(document)) return;
  int64_t made = 0;
  for (const json& row : document["stacks"]) {
    if (row["kind"] == "window") {
      ASSERT_TRUE(row.contains("survived"));
      EXPECT_TRUE(row["survived"].is_null()) << row;
    }
    if (row["frames"].dump().find("drift") == std::string::npos) continue;
    // A type of which no census saw an object has no name, so all count.
    if (row["kind"] == "window") made += row["objects"].get<int>();
    // The watch follows what grows, of which there is nothing here.
    EXPECT_NE(row["kind"], "born") << row;
  }
  EXPECT_GT(made, 100) << document;
  EXPECT_THAT(document["notes"].dump(),
              HasSubstr("what survived is not known"));
}

TEST_P(ProbeVerbs, MallocNamesTheLineThatKeeps) {
  PythonTarget target(GetParam(), kMallocScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const json document = AskJson(
      {"stacks", std::to_string(target.pid()), "--malloc", "--for", "6s"});
  ASSERT_FALSE(document["stacks"].empty()) << document;
  const json& malloc = document["malloc"];
  EXPECT_EQ(malloc["allocator"], "glibc");
  ASSERT_GT(malloc["windows_with_survivors"], 0) << document["notes"];
  EXPECT_LT(malloc["target_core_share"], 0.025);
  const json& first = document["stacks"][0];
  EXPECT_EQ(first["kind"], "malloc");
  EXPECT_GT(first["objects"], 10);
  // A chunk of glibc's: 3,000 bytes and a word, in sixteens.
  EXPECT_EQ(first["bytes"].get<int64_t>(),
            3008 * first["objects"].get<int64_t>());
  int64_t line = 0;
  for (const json& frame : first["frames"]) {
    if (frame["function"] == "hold") line = frame["line"].get<int64_t>();
  }
  EXPECT_EQ(line, kHoldLine) << first;
  bool passed_on = false;
  for (const json& row : document["stacks"]) {
    if (row["frames"].dump().find("pass_on") == std::string::npos) continue;
    if (row["allocated_bytes"].get<int64_t>() !=
        3008 * row["allocations"].get<int64_t>()) {
      continue;
    }
    passed_on = true;
    EXPECT_GT(row["allocations"], first["allocations"]);
    EXPECT_EQ(row["objects"], 0) << row;
  }
  EXPECT_TRUE(passed_on) << document["stacks"];
}

TEST_P(GcVerb, PausesAreThoseOfTheCollectionsInTheWindow) {
  PythonTarget target(GetParam(), kCollectScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const json document =
      AskJson({"gc", std::to_string(target.pid()), "--for", "3s"});
  EXPECT_NE(document["source"], "generation_stats") << document["notes"];
  const json& oldest = document["generations"].back();
  const int64_t runs = oldest["collections_in_window"];
  EXPECT_GT(runs, 20);
  ASSERT_TRUE(oldest["pause_ns"].is_object()) << document;
  // The reading of the counts and the probe's are some milliseconds apart.
  EXPECT_NEAR(oldest["pause_ns"]["count"].get<double>(), runs, 3);
  EXPECT_GT(oldest["pause_ns"]["max"], 10000);
  EXPECT_LE(oldest["pause_ns"]["p50"], oldest["pause_ns"]["p99"]);
  EXPECT_LE(oldest["pause_ns"]["p99"], oldest["pause_ns"]["max"]);
  EXPECT_LE(oldest["pause_ns"]["max"], oldest["pause_ns"]["sum"]);
  EXPECT_GT(document["pause_share"], 0);
  EXPECT_LT(document["pause_share"], 1);
  EXPECT_EQ(document["pauses_of_unknown_generation"], 0);
  EXPECT_EQ(document["collector"], "off");
}

}  // namespace
}  // namespace plimsoll
