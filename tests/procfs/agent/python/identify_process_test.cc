// Every real interpreter of this machine, running: is it found, and is each
// layout what the interpreter itself says?
#include "agent/python/identify_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "agent/heap/gc_state.h"
#include "agent/python/remote_values.h"
#include "tests/support/eventually.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"

namespace plimsoll::python {
namespace {

using ::plimsoll::testing::Eventually;
using ::plimsoll::testing::FindPythons;
using ::plimsoll::testing::LiveMemory;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::SupportedPythonsAndUwsgi;
using ::plimsoll::testing::TestName;
using ::testing::HasSubstr;

// Prints "name value" lines, then "ready", and waits. pthread_self by ctypes
// equals threading.get_ident() on Linux.
constexpr char kTruth[] = R"(
import sys, threading, gc, sysconfig
def p(*a):
    sys.stdout.write(' '.join(map(str, a)) + '\n')
    sys.stdout.flush()
p('version', '%d.%d.%d' % sys.version_info[:3])
if sys.version_info[0] == 2:
    p('ready')
    sys.stdin.readline()
p('free_threaded', int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))
class Vessel(object):
    class Mast(object): pass
u1 = 'plain'; u2 = '\u20ac rate'; u4 = '\U0001f6a2 ship'
f = (lambda: 0)
mast = Vessel.Mast()
p('type', id(type))
p('code_type', id(type(f.__code__)))
p('object', id(mast))
p('class', id(Vessel.Mast))
p('u1', id(u1)); p('u2', id(u2)); p('u4', id(u4))
p('thread', threading.get_ident())
p('frame', id(sys._getframe()))
p('code', id(sys._getframe().f_code))
gc.collect(); gc.disable()
p('stats', ' '.join('%(collections)d %(collected)d %(uncollectable)d' % s for s in gc.get_stats()))
p('enabled', int(gc.isenabled()))
p('ready')
sys.stdin.readline()
gc.enable()
p('again')
while True:
    pass
)";

using Truth = std::map<std::string, std::string>;

Truth ReadTruth(PythonTarget& target) {
  Truth truth;
  while (true) {
    const std::string line = target.ReadLine();
    if (line.empty() || line == "ready") break;
    const size_t space = line.find(' ');
    truth[line.substr(0, space)] = line.substr(space + 1);
  }
  return truth;
}

uint64_t Number(const Truth& truth, const std::string& key) {
  const auto it = truth.find(key);
  return it == truth.end() ? 0 : std::stoull(it->second);
}

std::optional<uint64_t> CodeOfInnermostFrame(const LiveMemory& memory,
                                             const core::FrameLayout& f,
                                             uint64_t thread) {
  auto frame = ReadWord(memory, thread + f.tstate_frame);
  if (frame && f.cframe_current_frame != core::kAbsent) {
    frame = ReadWord(memory, *frame + f.cframe_current_frame);
  }
  return frame ? ReadWord(memory, *frame + f.frame_code) : std::nullopt;
}

class IdentifyProcessTest : public ::testing::TestWithParam<std::string> {};
class SupportedPythonTest : public ::testing::TestWithParam<std::string> {};

TEST_P(IdentifyProcessTest, LayoutsAreWhatTheInterpreterSays) {
  PythonTarget target(GetParam(), kTruth);
  Truth truth = ReadTruth(target);
  ASSERT_FALSE(truth["version"].empty()) << "interpreter did not run";
  const LiveMemory memory(target.pid());
  BuildCache cache;
  const auto python = IdentifyProcess(target.pid(), "/proc", memory, cache);

  int minor = 0;
  ASSERT_EQ(sscanf(truth["version"].c_str(), "3.%d", &minor) +
                    sscanf(truth["version"].c_str(), "2.%d", &minor) >
                0,
            true);
  if (truth["version"][0] == '2' || minor < 7 || minor > 15) {
    ASSERT_EQ(python.status().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(python.status().message()),
                ::testing::AnyOf(HasSubstr("older than 3.7"),
                                 HasSubstr("Python 2"), HasSubstr("3.16")));
    return;
  }
  if (truth["free_threaded"] == "1") {
    ASSERT_EQ(python.status().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(python.status().message()),
                HasSubstr("free-threaded"));
    return;
  }
  ASSERT_TRUE(python.ok()) << python.status();
  const auto& v = python->build.version;
  EXPECT_EQ(std::to_string(v.major) + "." + std::to_string(v.minor) + "." +
                std::to_string(v.micro),
            truth["version"]);
  EXPECT_EQ(python->allocator, "pymalloc");
  EXPECT_EQ(python->native_allocator, "glibc");
  EXPECT_EQ(python->heap_refusal, "");
  EXPECT_EQ(python->type_type_address, Number(truth, "type"));
  EXPECT_EQ(python->code.code_type_address, Number(truth, "code_type"));
  EXPECT_EQ(python->build.probe_refusal, "");

  // Objects.
  const core::ObjectLayout& o = python->objects;
  EXPECT_EQ(ReadWord(memory, Number(truth, "object") + 8),
            Number(truth, "class"));
  const auto qualname =
      ReadWord(memory, Number(truth, "class") + o.ht_qualname);
  ASSERT_TRUE(qualname);
  EXPECT_EQ(ReadStr(memory, o, *qualname), "Vessel.Mast");
  EXPECT_EQ(ReadStr(memory, o, Number(truth, "u1")), "plain");
  EXPECT_EQ(ReadStr(memory, o, Number(truth, "u2")), "\u20ac rate");
  EXPECT_EQ(ReadStr(memory, o, Number(truth, "u4")), "\U0001f6a2 ship");

  // The collector.
  ASSERT_NE(python->gc.state_address, 0u);
  EXPECT_EQ(python->gc.refusal, "");
  std::ostringstream stats;
  for (const core::GcGeneration& g :
       heap::ReadGcState(memory, python->gc).generations) {
    stats << (stats.str().empty() ? "" : " ") << g.collections << " "
          << g.collected << " " << g.uncollectable;
  }
  EXPECT_EQ(stats.str(), truth["stats"]);
  const auto enabled = [&] {
    return ReadValue<int32_t>(memory,
                              python->gc.state_address + python->gc.enabled);
  };
  EXPECT_EQ(enabled(), 0);
  target.WriteLine("go");
  ASSERT_EQ(target.ReadLine(), "again");
  EXPECT_EQ(enabled(), 1);

  // The running thread's state and frame.
  const core::FrameLayout& f = python->frames;
  ASSERT_NE(f.thread_state_address, 0u);
  // It may still be in the call that printed: wait for the loop.
  std::optional<uint64_t> thread, code;
  Eventually([&] {
    thread = ReadWord(memory, f.thread_state_address);
    code = thread ? CodeOfInnermostFrame(memory, f, *thread) : std::nullopt;
    return code == Number(truth, "code");
  });
  EXPECT_EQ(code, Number(truth, "code"));
  ASSERT_TRUE(thread);
  EXPECT_EQ(ReadWord(memory, *thread + f.tstate_thread_id),
            Number(truth, "thread"));
}

TEST_P(SupportedPythonTest, NamesTheAllocator) {
  for (const auto& [setting, expected] :
       std::map<std::string, std::string>{{"malloc", "malloc"},
                                          {"debug", "pymalloc_debug"},
                                          {"malloc_debug", "malloc_debug"},
                                          {"pymalloc", "pymalloc"}}) {
    PythonTarget target(GetParam(), kTruth, {{"PYTHONMALLOC", setting}});
    ASSERT_FALSE(ReadTruth(target).empty());
    BuildCache cache;
    const auto python =
        IdentifyProcess(target.pid(), "/proc", LiveMemory(target.pid()), cache);
    ASSERT_TRUE(python.ok()) << python.status();
    EXPECT_EQ(python->allocator, expected) << "PYTHONMALLOC=" << setting;
    EXPECT_EQ(python->heap_refusal, "");
  }
  PythonTarget traced(GetParam(), kTruth, {{"PYTHONTRACEMALLOC", "1"}});
  ASSERT_FALSE(ReadTruth(traced).empty());
  BuildCache cache;
  const auto python =
      IdentifyProcess(traced.pid(), "/proc", LiveMemory(traced.pid()), cache);
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(python->allocator, "pymalloc") << "under tracemalloc";
}

const core::ProbePoint* FindProbe(const core::PythonBuild& build,
                                  core::ProbeKind kind) {
  for (const core::ProbePoint& p : build.probes) {
    if (p.kind == kind) return &p;
  }
  return nullptr;
}

TEST_P(SupportedPythonTest, EveryProbeOfTheIssueHasAPlace) {
  PythonTarget target(GetParam(), kTruth);
  ASSERT_FALSE(ReadTruth(target).empty());
  BuildCache cache;
  const auto python =
      IdentifyProcess(target.pid(), "/proc", LiveMemory(target.pid()), cache);
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(python->build.probe_refusal, "");
  EXPECT_EQ(python->build.gc_probe_refusal, "");
  for (const core::ProbeKind kind :
       {core::ProbeKind::kObjectMalloc, core::ProbeKind::kObjectFree,
        core::ProbeKind::kObjectRealloc, core::ProbeKind::kObjectCalloc,
        core::ProbeKind::kTypeGenericAlloc, core::ProbeKind::kGcNew,
        core::ProbeKind::kGcNewVar, core::ProbeKind::kObjectNew}) {
    const core::ProbePoint* point = FindProbe(python->build, kind);
    ASSERT_NE(point, nullptr) << "kind " << static_cast<int>(kind);
    EXPECT_GE(point->file_offset, point->entry_offset);
    EXPECT_EQ(point->argument_register, 0);
  }
  const auto* start = FindProbe(python->build, core::ProbeKind::kGcStart);
  const auto* done = FindProbe(python->build, core::ProbeKind::kGcDone);
  const auto* collect = FindProbe(python->build, core::ProbeKind::kGcCollect);
  // The function in every build, USDT where the build has it.
  EXPECT_EQ(start != nullptr, done != nullptr);
  EXPECT_NE(collect, nullptr);
  // From 3.9; before, by name why not.
  EXPECT_EQ(FindProbe(python->build, core::ProbeKind::kNewPool) != nullptr,
            python->build.version.minor >= 9);
  EXPECT_EQ(python->build.new_pool_refusal.empty(),
            python->build.version.minor >= 9);
  if (start != nullptr) {
    EXPECT_EQ(start->cost, core::ProbeCost::kEmulated) << "a nop";
    EXPECT_NE(start->semaphore_offset, 0u);
    EXPECT_TRUE(start->argument_register >= 0 ||
                start->argument_base_register >= 0);
  }
}

TEST_P(SupportedPythonTest, SecondProcessOfABuildIsAnsweredFromTheCache) {
  PythonTarget first(GetParam(), kTruth);
  PythonTarget second(GetParam(), kTruth);
  ASSERT_FALSE(ReadTruth(first).empty());
  ASSERT_FALSE(ReadTruth(second).empty());
  BuildCache cache;
  ASSERT_TRUE(
      IdentifyProcess(first.pid(), "/proc", LiveMemory(first.pid()), cache)
          .ok());
  const int64_t analyzed = cache.analyzed();
  ASSERT_GT(analyzed, 0);
  ASSERT_TRUE(
      IdentifyProcess(second.pid(), "/proc", LiveMemory(second.pid()), cache)
          .ok());
  EXPECT_EQ(cache.analyzed(), analyzed);
}

// It was lost for the life of a process that was met while it collected.
TEST_P(SupportedPythonTest, TheCollectorIsFoundWhileItCollects) {
  PythonTarget target(GetParam(), R"(
import gc, sys
kept = [[i] for i in range(200000)]
print('ready'); sys.stdout.flush()
while True: gc.collect()
)");
  ASSERT_EQ(target.ReadLine(), "ready");
  BuildCache cache;
  std::map<std::string, int> refusals;
  for (int i = 0; i < 100; ++i) {
    const auto python =
        IdentifyProcess(target.pid(), "/proc", LiveMemory(target.pid()), cache);
    ASSERT_TRUE(python.ok()) << python.status();
    ++refusals[python->gc.refusal];
  }
  EXPECT_THAT(refusals, ::testing::ElementsAre(::testing::Pair("", 100)));
}

INSTANTIATE_TEST_SUITE_P(Pythons, IdentifyProcessTest,
                         ::testing::ValuesIn(FindPythons()), TestName);
INSTANTIATE_TEST_SUITE_P(Pythons, SupportedPythonTest,
                         ::testing::ValuesIn(SupportedPythonsAndUwsgi()),
                         TestName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(IdentifyProcessTest);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SupportedPythonTest);

TEST(IdentifyNotPython, ShellIsNotPython) {
  PythonTarget shell("/bin/sh", "echo ready; read x");
  ASSERT_EQ(shell.ReadLine(), "ready");
  BuildCache cache;
  const auto python =
      IdentifyProcess(shell.pid(), "/proc", LiveMemory(shell.pid()), cache);
  EXPECT_EQ(python.status().code(), absl::StatusCode::kNotFound);
}

TEST(IdentifyNotPython, GoneProcessIsNotFound) {
  PythonTarget shell("/bin/sh", "echo ready; read x");
  ASSERT_EQ(shell.ReadLine(), "ready");
  const int32_t pid = shell.pid();
  shell.Kill();
  BuildCache cache;
  const auto python = IdentifyProcess(pid, "/proc", LiveMemory(pid), cache);
  EXPECT_EQ(python.status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace plimsoll::python
