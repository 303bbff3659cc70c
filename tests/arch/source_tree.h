// The tree's own sources as text, for the tests of its architecture.
#ifndef PLIMSOLL_TESTS_ARCH_SOURCE_TREE_H_
#define PLIMSOLL_TESTS_ARCH_SOURCE_TREE_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::arch {

struct SourceFile {
  std::string path;  // from the top of the tree, such as agent/core/process.h
  std::string text;
};

struct Include {
  int line = 0;
  std::string target;   // between the quotes or brackets
  bool quoted = false;  // "x", not <x>
};

// Where the tree stands: PLIMSOLL_SOURCE_DIR, which CTest sets.
std::filesystem::path Top();

// Every text file of the tree, sorted; no output (build, var, __pycache__), no
// dot directory but .ci, nothing binary.
const std::vector<SourceFile>& Files();

bool IsCxx(std::string_view path);  // .cc .h .c
std::vector<Include> IncludesOf(const SourceFile& file);
int LineCount(std::string_view text);

// Runs a shell command; its output, and "exit N" as last line if N is not 0.
std::string OutputOf(const std::string& command);

}  // namespace plimsoll::arch

#endif  // PLIMSOLL_TESTS_ARCH_SOURCE_TREE_H_
