// The real program against live interpreters: what it says is what the target
// itself says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"
#include "tests/support/run_command.h"

namespace plimsoll {
namespace {

using nlohmann::json;
using ::plimsoll::testing::BinDir;
using ::plimsoll::testing::CommandResult;
using ::plimsoll::testing::Eventually;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::RunCommand;
using ::plimsoll::testing::RunningCommand;
using ::plimsoll::testing::SupportedPythons;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What the script says is awaited at its next line from us.
constexpr char kHeapScript[] = R"(
import gc, json, sys
class Hull(object):
    __slots__ = ('a', 'b')
class Deck(object):
    def __init__(self): self.planks = 3
gc.set_threshold(700, 10, 10)
hulls = [Hull() for i in range(23456)]
decks = [Deck() for i in range(7890)]
for i in range(3): gc.collect()
for i in range(2): gc.collect(0)
if 'off' in sys.argv: gc.disable()
if 'threshold' in sys.argv: gc.set_threshold(50, 7, 3)
try:
    from _testcapi import with_tp_del
    @with_tp_del
    class Buoy(object):  # has the finaliser that makes garbage uncollectable
        def __tp_del__(self): pass
    for i in range(17):
        b = Buoy(); b.me = b
    del b
    gc.collect(); gc.collect(1)
except ImportError: pass
if 'freeze' in sys.argv: gc.freeze()
if 'zero' in sys.argv: gc.set_threshold(0)
print(json.dumps({'stats': gc.get_stats(), 'enabled': gc.isenabled(),
                  'thresholds': gc.get_threshold(),
                  'frozen': gc.get_freeze_count(),
                  'version': sys.version.split()[0]}))
sys.stdout.flush()
sys.stdin.readline()
)";

constexpr char kLeakScript[] = R"(
import sys, time
class Barnacle(object):
    __slots__ = ('a', 'b', 'c', 'd')
kept, rate, begin = [], 4000, time.time()
print('ready'); sys.stdout.flush()
while True:
    while len(kept) < rate * (time.time() - begin): kept.append(Barnacle())
    time.sleep(0.01)
)";
constexpr double kLeakObjectsPerS = 4000;

// In the progress of a measurement: from two on there is growth to tell of.
constexpr char kTwoCensuses[] = "([2-9]|[0-9][0-9]+) censuses";

std::string Program() { return BinDir() + "/plimsoll"; }

CommandResult Plimsoll(std::vector<std::string> words) {
  words.insert(words.begin(), Program());
  return RunCommand(words);
}

json Parse(const CommandResult& result) {
  json document = json::parse(result.out, nullptr, false);
  EXPECT_TRUE(document.is_object()) << result.out << result.err;
  return document;
}

class NodeVerbs : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(
    Pythons, NodeVerbs,
    ::testing::ValuesIn(testing::SupportedPythonsAndUwsgi()), TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NodeVerbs);

TEST_P(NodeVerbs, TypesCountsWhatTheTargetMade) {
  PythonTarget target(GetParam(), kHeapScript);
  const json truth = json::parse(target.ReadLine());
  const auto result =
      Plimsoll({"types", std::to_string(target.pid()), "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  const json document = Parse(result);
  EXPECT_EQ(document["schema"], "plimsoll.types/1");
  EXPECT_EQ(document["pid"], target.pid());
  EXPECT_EQ(document["python"], truth["version"]);
  std::map<std::string, int64_t> objects;
  for (const json& type : document["types"]) {
    objects[type["type"]] = type["objects"];
  }
  EXPECT_EQ(objects["__main__.Hull"], 23456);
  EXPECT_EQ(objects["__main__.Deck"], 7890);
  EXPECT_GE(document["coverage"]["share"], 0.999);
}

TEST_P(NodeVerbs, GcEqualsTheTargetsOwnStats) {
  for (const char* mode : {"on", "off", "threshold", "zero", "freeze"}) {
    PythonTarget target(GetParam(), kHeapScript, {}, {mode});
    const json truth = json::parse(target.ReadLine());
    const auto result =
        Plimsoll({"gc", std::to_string(target.pid()), "--for", "0", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json document = Parse(result);
    EXPECT_EQ(document["enabled"], mode != std::string("off"));
    EXPECT_EQ(document["enabled"], truth["enabled"]);
    EXPECT_EQ(document["thresholds"], truth["thresholds"]);
    EXPECT_EQ(document["frozen_objects"], truth["frozen"]);
    EXPECT_EQ(truth["frozen"] > 10000, mode == std::string("freeze"));
    EXPECT_TRUE(document["unreachable_objects"].is_null());
    EXPECT_EQ(document["collector"], mode == std::string("off") ? "off"
                                     : mode == std::string("zero")
                                         ? "threshold_zero"
                                         : "on");
    ASSERT_EQ(document["generations"].size(), truth["stats"].size());
    for (size_t i = 0; i < truth["stats"].size(); ++i) {
      for (const char* key : {"collections", "collected", "uncollectable"}) {
        EXPECT_EQ(document["generations"][i][key], truth["stats"][i][key])
            << key << " of generation " << i;
      }
    }
  }
}

int32_t ParentOf(int32_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("PPid:")) return std::stoi(line.substr(5));
  }
  return -1;
}

TEST_P(NodeVerbs, PsSeesIt) {
  PythonTarget target(GetParam(), kHeapScript);
  const json truth = json::parse(target.ReadLine());
  const json document = Parse(Plimsoll({"ps", "--json"}));
  EXPECT_EQ(document["schema"], "plimsoll.ps/1");
  int seen = 0;
  for (const json& process : document["processes"]) {
    if (process["pid"] != target.pid()) continue;
    ++seen;
    EXPECT_EQ(process["python"], truth["version"]);
    EXPECT_EQ(process["parent_pid"], ParentOf(target.pid()));
    EXPECT_GT(process["rss_bytes"], 1 << 20);
    EXPECT_EQ(process["tiers"]["memory"], "ok");
    EXPECT_EQ(process["tiers"]["census"], "ok");
    EXPECT_EQ(process["tiers"].size(), 8u);
  }
  EXPECT_EQ(seen, 1);
}

TEST_P(NodeVerbs, GrowthFindsTheLeakAndItsRate) {
  PythonTarget target(GetParam(), kLeakScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  const auto result =
      Plimsoll({"growth", std::to_string(target.pid()), "--for", "4s",
                "--interval", "500ms", "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json document = Parse(result);
  ASSERT_FALSE(document["types"].empty());
  const json& first = document["types"][0];
  EXPECT_EQ(first["type"], "__main__.Barnacle");
  const double rate = first["objects_per_s"];
  EXPECT_NEAR(rate, kLeakObjectsPerS, 0.1 * kLeakObjectsPerS);
  ASSERT_TRUE(first["objects_per_s_ci"].is_array());
  EXPECT_LE(first["objects_per_s_ci"][0], rate);
  EXPECT_GE(first["objects_per_s_ci"][1], rate);
  const auto& memory = document["memory"];
  EXPECT_EQ(memory["anon_delta_bytes"].get<int64_t>(),
            memory["python_delta_bytes"].get<int64_t>() +
                memory["free_delta_bytes"].get<int64_t>() +
                memory["native_delta_bytes"].get<int64_t>());
}

// tools/pythons nogil: its objects are not in pymalloc, its collector has no
// lists. Memory is seen, all else refused by name.
class FreeThreaded : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Pythons, FreeThreaded,
                         ::testing::ValuesIn(testing::PythonsOf(
                             testing::PythonKind::kFreeThreaded, 13, 99)),
                         TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FreeThreaded);

TEST_P(FreeThreaded, IsRefusedByNameAndItsMemorySeen) {
  PythonTarget target(GetParam(), kHeapScript);
  ASSERT_NE(target.ReadLine(), "");
  const std::string pid = std::to_string(target.pid());
  const json document = Parse(Plimsoll({"ps", "--json"}));
  int seen = 0;
  for (const json& process : document["processes"]) {
    if (process["pid"] != target.pid()) continue;
    ++seen;
    EXPECT_GT(process["rss_bytes"], 1 << 20);
    EXPECT_EQ(process["tiers"]["memory"], "ok");
    for (const char* tier : {"gc", "headers", "census", "stacks"}) {
      EXPECT_THAT(process["tiers"][tier].get<std::string>(),
                  HasSubstr("free-threaded"))
          << tier;
    }
  }
  EXPECT_EQ(seen, 1);
  // Its native stacks are seen: bpf/cli/probe_verbs_test.cc.
  for (std::vector<std::string> words : {std::vector<std::string>{"types"},
                                         {"growth"},
                                         {"gc"},
                                         {"stacks", "--malloc"},
                                         {"stacks", "--type", "dict"}}) {
    const std::string verb = words[0];
    words.push_back(pid);
    const auto result = Plimsoll(words);
    EXPECT_EQ(result.exit_code, 5) << verb << result.err;
    EXPECT_THAT(result.err, HasSubstr("free-threaded")) << verb;
    EXPECT_THAT(result.out, IsEmpty()) << verb;
  }
}

class Errors : public ::testing::Test {
 protected:
  std::string AnyPython() {
    const auto pythons = SupportedPythons();
    return pythons.empty() ? "" : pythons.back();
  }
};

TEST_F(Errors, UnknownVerbIsUsage) {
  const auto result = Plimsoll({"tpyes", "1"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("did you mean \"types\""));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(Errors, BadOptionsAreUsage) {
  EXPECT_EQ(Plimsoll({}).exit_code, 2);
  EXPECT_EQ(Plimsoll({"types"}).exit_code, 2);
  EXPECT_EQ(Plimsoll({"types", "me"}).exit_code, 2);
  EXPECT_EQ(Plimsoll({"growth", "1", "--for", "60"}).exit_code, 2);
  EXPECT_EQ(Plimsoll({"growth", "1", "--for", "0"}).exit_code, 2);
}

TEST_F(Errors, EndedProcess) {
  for (const char* verb : {"types", "growth", "gc", "stacks"}) {
    const auto result = Plimsoll({verb, "4194303"});
    EXPECT_EQ(result.exit_code, 4) << verb << result.err;
    EXPECT_THAT(result.err, HasSubstr("no process has the pid 4194303"));
  }
}

TEST_F(Errors, NotAPython) {
  RunningCommand sleeper({"/bin/sleep", "60"});
  const std::string comm = "/proc/" + std::to_string(sleeper.pid()) + "/comm";
  ASSERT_TRUE(Eventually([&comm] {
    std::string name;
    std::ifstream(comm) >> name;
    return name == "sleep";
  }));
  const auto result = Plimsoll({"types", std::to_string(sleeper.pid())});
  EXPECT_EQ(result.exit_code, 5) << result.err;
  EXPECT_THAT(result.err, HasSubstr("is no Python process"));
}

TEST_F(Errors, AnOrdinaryUserIsToldWhatIsMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to start as another user";
  if (AnyPython().empty()) GTEST_SKIP() << "needs a Python";
  PythonTarget target(AnyPython(), kHeapScript);
  target.ReadLine();
  const auto result = RunCommand(
      {Program(), "types", std::to_string(target.pid())}, {.as_nobody = true});
  if (result.exit_code == 127) {
    GTEST_SKIP() << "the build directory is closed to other users";
  }
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("run it as root"));
}

TEST_F(Errors, AProcessThatEndsMeanwhileStillGivesItsFigures) {
  if (AnyPython().empty()) GTEST_SKIP() << "needs a Python";
  PythonTarget target(AnyPython(), kLeakScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  RunningCommand growth({Program(), "growth", std::to_string(target.pid()),
                         "--for", "1h", "--interval", "300ms", "--json"});
  ASSERT_TRUE(growth.AwaitWord(kTwoCensuses));
  target.Kill();
  const auto result = growth.Wait();
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(Parse(result)["notes"].dump(), HasSubstr("ended meanwhile"));
}

TEST_F(Errors, CtrlCEndsAMeasurementEarlyAndKeepsIt) {
  if (AnyPython().empty()) GTEST_SKIP() << "needs a Python";
  PythonTarget target(AnyPython(), kLeakScript);
  ASSERT_EQ(target.ReadLine(), "ready");
  RunningCommand growth({Program(), "growth", std::to_string(target.pid()),
                         "--for", "1h", "--interval", "300ms", "--json"});
  ASSERT_TRUE(growth.AwaitWord(kTwoCensuses));
  growth.Signal(SIGINT);
  const auto result = growth.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const json document = Parse(result);
  EXPECT_THAT(document["notes"].dump(), HasSubstr("Ctrl-C"));
  EXPECT_EQ(document["types"][0]["type"], "__main__.Barnacle");
  EXPECT_THAT(result.err, HasSubstr("measuring"));  // progress, on stderr only
}

TEST_F(Errors, AReaderThatLeavesIsNoError) {
  RunningCommand top({Program(), "top", "--interval", "200ms", "--json"});
  top.CloseOutput();
  const auto result = top.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(Errors, NoCollector) {
  const auto result =
      Plimsoll({"incidents", "--collector", "http://127.0.0.1:1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("http://127.0.0.1:1 does not answer"));
  EXPECT_EQ(Plimsoll({"incidents", "--collector", "gopher://x"}).exit_code, 2);
}

TEST(Top, GivesOneDocumentPerRefresh) {
  const auto result =
      Plimsoll({"top", "--count", "3", "--interval", "300ms", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  int documents = 0;
  for (std::string line; std::getline(lines, line); ++documents) {
    EXPECT_EQ(json::parse(line)["schema"], "plimsoll.top/1");
  }
  EXPECT_EQ(documents, 3);
}

}  // namespace
}  // namespace plimsoll
