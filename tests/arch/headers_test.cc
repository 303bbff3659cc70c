// Every header compiles alone: the build proves it, by the .cc that includes it
// first, or for headers without one by a stub (tests/arch/CMakeLists.txt).
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/arch/source_tree.h"

namespace plimsoll::arch {
namespace {

std::string Quoted(const std::string& text) { return "'" + text + "'"; }

TEST(Headers, TheSourceOfThatNameIncludesThemFirst) {
  std::set<std::string> headers;
  for (const SourceFile& file : Files()) {
    if (file.path.ends_with(".h")) headers.insert(file.path);
  }
  for (const SourceFile& file : Files()) {
    if (!file.path.ends_with(".cc")) continue;
    const std::string header = file.path.substr(0, file.path.size() - 2) + "h";
    if (!headers.contains(header)) continue;
    const std::vector<Include> includes = IncludesOf(file);
    ASSERT_FALSE(includes.empty()) << file.path;
    EXPECT_EQ(includes[0].target, header) << file.path;
  }
}

// The one header that kernel and user space share.
TEST(Headers, TheKernelAbiCompilesOnBothSides) {
  const std::string header = Quoted(Top() / "include/plimsoll/bpf_events.h");
  for (const std::string compiler :
       {"clang -target bpf -O2 -x c -std=gnu11 -D__TARGET_ARCH_x86 "
        "-I /usr/include/x86_64-linux-gnu",
        "gcc -x c -std=gnu11", "g++ -x c++ -std=c++20"}) {
    EXPECT_EQ(OutputOf(compiler + " -fsyntax-only -Wall -Wextra -Werror" +
                       " -I " + Quoted(Top() / "include") + " " + header),
              "")
        << compiler;
  }
}

}  // namespace
}  // namespace plimsoll::arch
