// Births where pymalloc is not what it is by default: all that is said names
// the line that keeps, and where nothing can be said the reason is.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bpf/agent/bpf/birth_script.h"
#include "tests/support/bpf_requirement.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"
#include "tests/support/run_command.h"

namespace plimsoll {
namespace {

using nlohmann::json;
using ::plimsoll::testing::BinDir;
using ::plimsoll::testing::kBirthScript;
using ::plimsoll::testing::PythonTarget;
using ::plimsoll::testing::RunCommand;

constexpr char kPython[] = "/usr/bin/python3.11";
constexpr char kJemalloc[] = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";

struct Expected {
  const char* kind;
  bool named;  // a few samples at least
};

json Births(const std::string& kind, const PythonTarget::Environment& with) {
  PythonTarget target(kPython, kBirthScript, with,
                      {kind, "1", "100", "500", "0"});
  while (target.ReadLine().rfind("done", 0) != 0) {
  }
  const std::string type = kind == "slotted" ? "__main__.Slotted" : kind;
  const auto result = RunCommand({BinDir() + "/plimsoll", "stacks",
                                  std::to_string(target.pid()), "--for", "6s",
                                  "--type", type, "--json", "--quiet"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out, nullptr, false);
}

void Check(const PythonTarget::Environment& with,
           const std::vector<Expected>& expected) {
  PLIMSOLL_NEEDS_BPF();
  if (!std::filesystem::exists(kPython)) GTEST_SKIP() << "needs " << kPython;
  for (const auto& [kind, named] : expected) {
    SCOPED_TRACE(with.front().first + "=" + with.front().second + " " + kind);
    const json document = Births(kind, with);
    int64_t born = 0;
    for (const json& row : document["stacks"]) {
      if (row["kind"] != "born") continue;
      ++born;
      EXPECT_EQ(row["frames"][0]["function"], "leak_site") << row;
    }
    const json& births = document["births"];
    const std::string refusal = births.is_null()
                                    ? document["notes"].dump()
                                    : births["refusal"].get<std::string>();
    if (named) {
      EXPECT_GT(born, 0) << refusal << document["notes"];
    }
    EXPECT_TRUE(born > 0 || !refusal.empty()) << document["notes"];
    if (births.is_null()) {
      EXPECT_NE(refusal.find("births were not followed: "), std::string::npos);
    }
  }
}

TEST(BirthsUnderOtherAllocators, PythonsOwnDebugHooks) {
  Check({{"PYTHONMALLOC", "debug"}}, {{"dict", true}});
}

// Small objects in malloc's chunks: those of free lists are refused.
TEST(BirthsUnderOtherAllocators, MallocAlone) {
  Check({{"PYTHONMALLOC", "malloc"}}, {{"dict", false}, {"slotted", false}});
}

TEST(BirthsUnderOtherAllocators, JemallocPreloaded) {
  if (!std::filesystem::exists(kJemalloc)) GTEST_SKIP() << "no libjemalloc2";
  Check({{"LD_PRELOAD", kJemalloc}}, {{"slotted", true}});
}

}  // namespace
}  // namespace plimsoll
