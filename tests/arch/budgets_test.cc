// Sizes: a file that grows past its budget holds more than one idea. Functions
// (60 lines) are bounded by clang-tidy.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/arch/source_tree.h"

namespace plimsoll::arch {
namespace {

constexpr int kFileLines = 400;
constexpr int kHeaderLines = 200;

// Files that may be longer, each with its reason.
const std::map<std::string, std::string>& Exceptions() {
  static const auto& exceptions = *new std::map<std::string, std::string>{
      {"proto/opentelemetry/proto/metrics/v1/metrics.proto",
       "a published schema, unchanged"},
      {"tests/support/heap_builder.h", "a builder, header and code in one"}};
  return exceptions;
}

bool IsProgramText(const SourceFile& file) {
  return IsCxx(file.path) || file.path.ends_with(".py") ||
         file.path.ends_with(".sh") || file.path.ends_with(".cmake") ||
         file.path.ends_with(".proto") || file.text.starts_with("#!");
}

TEST(Budgets, FilesAreSmall) {
  for (const SourceFile& file : Files()) {
    if (!IsProgramText(file) || Exceptions().contains(file.path)) continue;
    const int most = file.path.ends_with(".h") ? kHeaderLines : kFileLines;
    EXPECT_LE(LineCount(file.text), most) << file.path;
  }
}

TEST(Budgets, ExceptionsAreStillNeeded) {
  for (const auto& [path, reason] : Exceptions()) {
    EXPECT_FALSE(reason.empty()) << path;
    bool found = false;
    for (const SourceFile& file : Files()) {
      if (file.path != path) continue;
      found = true;
      EXPECT_GT(LineCount(file.text),
                path.ends_with(".h") ? kHeaderLines : kFileLines)
          << path << " fits its budget now";
    }
    EXPECT_TRUE(found) << path << " is gone";
  }
}

}  // namespace
}  // namespace plimsoll::arch
