// The census where objects are not in plain pymalloc: the debug hooks, malloc,
// a preloaded malloc, and interpreters within the interpreter.
#include <memory>
#include <string>
#include <vector>

#include "agent/heap/census.h"
#include "agent/inspector/target_memory.h"
#include "agent/procfs/proc_root.h"
#include "agent/python/identify_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/heap_target.h"

namespace plimsoll::heap {
namespace {

using ::plimsoll::testing::PythonTarget;
using ::testing::HasSubstr;

constexpr int kCount = 5000;
// Debian's libjemalloc2; a target in a root directory of its own has none.
constexpr char kJemalloc[] = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";

// Of each kind that has another distance from block to object: without GC head,
// with one, with words before it (a dict of attributes).
constexpr char kFleet[] = R"(
import sys
class Boat(object):
    def __init__(self): self.name = 'a'
class Buoy(object):
    __slots__ = ('name', '__weakref__')
class Light(float):
    __slots__ = ()
fleet = [Boat() for i in range(5000)], [Buoy() for i in range(5000)]
lights = [Light(i) for i in range(5000)]
)";
constexpr char kReady[] = R"(
sys.stdout.write('ready\n'); sys.stdout.flush()
sys.stdin.readline()
)";

class AllocatorsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void Run(const std::string& script,
           const PythonTarget::Environment& environment) {
    target_ = std::make_unique<PythonTarget>(GetParam(), script, environment);
    said_ = target_->ReadLine();
    if (said_ != "ready") return;
    python::BuildCache cache;
    const inspector::TargetMemory memory(target_->pid());
    auto python =
        python::IdentifyProcess(target_->pid(), "/proc", memory, cache);
    ASSERT_TRUE(python.ok()) << python.status();
    python_ = *std::move(python);
    const auto maps = procfs::ProcRoot().ReadMaps(target_->pid());
    ASSERT_TRUE(maps.ok()) << maps.status();
    census_ = TakeCensus(memory, *maps, python_, {.max_types = 0});
  }
  int64_t Objects(const std::string& type) const {
    if (!census_.ok()) return -1;
    for (const core::TypeCount& row : census_->types) {
      if (row.type == type) return row.objects;
    }
    return 0;
  }
  static int64_t BytesOf(const core::HeapCensus& census,
                         const std::string& type) {
    for (const core::TypeCount& row : census.types) {
      if (row.type == type) return row.bytes;
    }
    return 0;
  }
  void ExpectFleet(int more_at_most = 0) {
    ASSERT_TRUE(census_.ok()) << census_.status();
    for (const char* type :
         {"__main__.Boat", "__main__.Buoy", "__main__.Light"}) {
      EXPECT_GE(Objects(type), kCount) << type;
      EXPECT_LE(Objects(type), kCount + more_at_most) << type;
    }
  }

  std::unique_ptr<PythonTarget> target_;
  std::string said_;
  core::PythonProcess python_;
  absl::StatusOr<core::HeapCensus> census_ = absl::UnknownError("not taken");
};

TEST_P(AllocatorsTest, DebugHooksMoveTheObjects) {
  Run(std::string(kFleet) + kReady, {{"PYTHONMALLOC", "debug"}});
  ASSERT_EQ(said_, "ready");
  EXPECT_EQ(python_.allocator, "pymalloc_debug");
  ExpectFleet();
}

TEST_P(AllocatorsTest, MallocIsWalked) {
  for (const char* setting : {"malloc", "malloc_debug"}) {
    Run(std::string(kFleet) + kReady, {{"PYTHONMALLOC", setting}});
    ASSERT_EQ(said_, "ready");
    EXPECT_EQ(python_.allocator, setting);
    EXPECT_EQ(python_.heap_refusal, "");
    // Where the program is at a fixed address, its brk heap is so low that a
    // pointer before a class (in a method on a free list) may be taken for a
    // count of references.
    ExpectFleet(2);
  }
}

TEST_P(AllocatorsTest, JemallocsObjectsAreRefusedByName) {
  Run(std::string(kFleet) + kReady,
      {{"LD_PRELOAD", kJemalloc}, {"PYTHONMALLOC", "malloc"}});
  ASSERT_EQ(said_, "ready");
  if (python_.native_allocator != "jemalloc") {
    GTEST_SKIP() << "the target could not load " << kJemalloc;
  }
  EXPECT_EQ(python_.allocator, "malloc");
  EXPECT_THAT(python_.heap_refusal, HasSubstr("malloc is jemalloc"));
}

TEST_P(AllocatorsTest, PreloadedJemallocLeavesThePools) {
  Run(std::string(kFleet) + kReady, {{"LD_PRELOAD", kJemalloc}});
  ASSERT_EQ(said_, "ready");
  if (python_.native_allocator != "jemalloc") {
    GTEST_SKIP() << "the target could not load " << kJemalloc;
  }
  EXPECT_EQ(python_.allocator, "pymalloc");
  EXPECT_EQ(python_.heap_refusal, "");
  ExpectFleet();
}

// Over 512 bytes: tracked, held by a list, a tuple, a dict, and by an attribute
// alone, which nothing that is followed leads to.
constexpr char kLarge[] = R"(
class Chart(object): pass
class Deep(tuple): __slots__ = ()
deeps = [Deep(range(100 + i % 3)) for i in range(400)]
maps = [Light(i) for i in range(10)] + [b'm' * (600 + i) for i in range(300)]
legend = tuple(['l' * (700 + i) for i in range(200)] + [[]])  # as 'ports'
ports = dict((i, bytearray(8) and (1 << (8000 + i))) for i in range(100))
ports[-1] = []  # without it, it is not tracked
chart = Chart(); chart.hidden = b'h' * 5000
)";

TEST_P(AllocatorsTest, LargeObjectsOfAnotherMallocAreReached) {
  Run(std::string(kFleet) + kLarge + kReady, {{"LD_PRELOAD", kJemalloc}});
  ASSERT_EQ(said_, "ready");
  if (python_.native_allocator != "jemalloc") {
    GTEST_SKIP() << "the target could not load " << kJemalloc;
  }
  ASSERT_TRUE(census_.ok()) << census_.status();
  EXPECT_EQ(Objects("__main__.Deep"), 400);
  EXPECT_THAT(census_->coverage.method, HasSubstr("as malloc is not glibc's"));
  EXPECT_THAT(census_->coverage.method,
              ::testing::Not(HasSubstr("not followed to the end")));
  // What the interpreter itself holds, such as the texts in its code, differs
  // by its version and is not reached: what the large objects add is compared.
  const core::HeapCensus jemalloc_with = *std::move(census_);
  Run(std::string(kFleet) + kReady, {{"LD_PRELOAD", kJemalloc}});
  ASSERT_TRUE(census_.ok()) << census_.status();
  const core::HeapCensus jemalloc_without = *std::move(census_);
  Run(std::string(kFleet) + kLarge + kReady, {});
  ASSERT_TRUE(census_.ok()) << census_.status();
  EXPECT_EQ(Objects("__main__.Deep"), 400);
  const core::HeapCensus glibc_with = *std::move(census_);
  Run(std::string(kFleet) + kReady, {});
  ASSERT_TRUE(census_.ok()) << census_.status();
  for (const char* type : {"bytes", "str", "int", "__main__.Deep"}) {
    const auto all = static_cast<double>(BytesOf(glibc_with, type) -
                                         BytesOf(*census_, type));
    const auto reached = static_cast<double>(BytesOf(jemalloc_with, type) -
                                             BytesOf(jemalloc_without, type));
    EXPECT_LE(reached, 1.01 * all) << type;
    // The one that an attribute alone leads to is a fortieth of the bytes.
    EXPECT_GE(reached, 0.95 * all) << type;
  }
}

TEST_P(AllocatorsTest, InterpretersWithinAreCounted) {
  // From 3.12 on each may have arenas of its own.
  Run(std::string(R"(
import sys
try:
    import _interpreters as inner
except ImportError:
    try:
        import _xxsubinterpreters as inner
    except ImportError:
        sys.stdout.write('none\n'); sys.stdout.flush()
        sys.exit()
kept = [inner.create() for i in range(2)]
code = '''
class Inner(object): pass
crew = [Inner() for i in range(5000)]
'''
for one in kept: inner.run_string(one, code)
)") + kFleet +
          kReady,
      {});
  if (said_ == "none") GTEST_SKIP() << "no interpreters module before 3.8";
  ASSERT_EQ(said_, "ready");
  ExpectFleet();
  EXPECT_EQ(Objects("__main__.Inner"), 2 * kCount);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AllocatorsTest);
INSTANTIATE_TEST_SUITE_P(
    Pythons, AllocatorsTest,
    ::testing::ValuesIn(testing::SupportedPythonsAndUwsgi()),
    [](const auto& info) { return testing::TestNameOf(info.param); });

}  // namespace
}  // namespace plimsoll::heap
