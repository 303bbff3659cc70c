// The shapes of a leak beside a churn: threads, holes, rates. On Debian's
// Python with instances that have slots; PLIMSOLL_FULL=1: each kind of object
// on each interpreter.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/bpf/agent/bpf/birth_fixture.h"
#include "tests/support/full_run.h"
#include "tests/support/python_kinds.h"

namespace plimsoll::testing {
namespace {

// Each takes eight minutes with all kinds: those that are named, else Debian's,
// uWSGI's, and one with small and one with large pools.
std::vector<std::string> Pythons() {
  if (!IsFull()) return PythonsOf(PythonKind::kInlined, 10, 99);
  if (::getenv("PLIMSOLL_TEST_PYTHONS") != nullptr) return SupportedPythons();
  std::vector<std::string> pythons = StrippedPythons();
  for (const int minor : {8, 13}) {
    for (const std::string& python : PlainPythons(minor, minor)) {
      pythons.push_back(python);
    }
  }
  return pythons;
}

std::vector<std::string> Kinds() {
  if (!IsFull()) return {"slotted"};
  return {"slotted", "plain", "str", "tuple", "list", "dict", "float"};
}

class BirthMatrixTest : public BirthWatchTest,
                        public ::testing::WithParamInterface<std::string> {
 protected:
  // Each kind alone: threads, dropped per kept, kept per second, holes.
  void RunKinds(const Arguments& shape, double seconds, int64_t least) {
    for (const std::string& kind : Kinds()) {
      Arguments arguments = {kind};
      arguments.insert(arguments.end(), shape.begin(), shape.end());
      RunAll({{GetParam(), arguments}}, seconds, least);
    }
  }
  void RunAtOnce(const std::vector<std::string>& kinds, const Arguments& shape,
                 double seconds, int64_t least) {
    if (!IsFull()) GTEST_SKIP() << "PLIMSOLL_FULL=1 has the slow ones";
    std::vector<std::pair<std::string, Arguments>> what;
    for (const std::string& kind : kinds) {
      what.push_back({GetParam(), {kind}});
      Arguments& arguments = what.back().second;
      arguments.insert(arguments.end(), shape.begin(), shape.end());
    }
    RunAll(what, seconds, least);
  }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BirthMatrixTest);
INSTANTIATE_TEST_SUITE_P(Pythons, BirthMatrixTest,
                         ::testing::ValuesIn(Pythons()), TestName);

TEST_P(BirthMatrixTest, FortyThreads) {
  RunKinds({"40", "100", "2000", "0"}, 3, 4);
}

// A thousand take longer under watch than a turn with the GIL, and each thread
// gets a part of its own. The kinds with free lists, at once, with the agent's
// budget.
TEST_P(BirthMatrixTest, FortyThreadsOfAThousandfoldChurn) {
  RunAtOnce({"tuple", "list", "dict", "float"}, {"40", "1000", "1000", "0"}, 60,
            1);
}

TEST_P(BirthMatrixTest, AHeapOfHoles) {
  RunKinds({"1", "100", "2000", "1000000"}, 3, 4);
}

TEST_P(BirthMatrixTest, ASlowLeak) { RunKinds({"1", "1000", "3", "0"}, 6, 3); }

TEST_P(BirthMatrixTest, AThousandfoldChurn) {
  RunKinds({"1", "1000", "500", "0"}, IsFull() ? 10 : 3, 4);
}

TEST_P(BirthMatrixTest, AFastLeak) { RunKinds({"1", "0", "0", "0"}, 3, 4); }

TEST_P(BirthMatrixTest, AHundredThousandASecond) {
  RunKinds({"1", "1", "100000", "0"}, 3, 4);
}

// They do next to nothing.
TEST_P(BirthMatrixTest, OneInThreeSeconds) {
  RunAtOnce(Kinds(), {"1", "1000", "0.3333", "0"}, 120, 2);
}

}  // namespace
}  // namespace plimsoll::testing
