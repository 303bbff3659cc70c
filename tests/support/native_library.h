// A small shared library that a test compiles from C for its target to load.
// Built with gcc, which building Plimsoll needs anyway.
#ifndef PLIMSOLL_TESTS_SUPPORT_NATIVE_LIBRARY_H_
#define PLIMSOLL_TESTS_SUPPORT_NATIVE_LIBRARY_H_

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/run_command.h"
#include "tests/support/temp_dir.h"

namespace plimsoll::testing {

class NativeLibrary {
 public:
  // `flags` such as "-g" or "-s" (stripped).
  NativeLibrary(const std::string& name, const std::string& source,
                std::vector<std::string> flags) {
    path_ = (directory_.path() / name).string();
    const std::string c = path_ + ".c";
    std::ofstream(c) << source;
    std::vector<std::string> words = {
        "/usr/bin/gcc", "-shared", "-fPIC", "-O1", c, "-o", path_};
    words.insert(words.end(), flags.begin(), flags.end());
    const CommandResult result = RunningCommand(words).Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  const std::string& path() const { return path_; }

 private:
  TempDir directory_;
  std::string path_;
};

// keep(n, size) keeps n blocks and writes them whole; the stripped build
// exports keep alone, its inner functions are static and not inlined.
inline constexpr char kKeepingLibrary[] = R"(
#include <stdlib.h>
#include <string.h>
static __attribute__((noinline)) void *keep_one(size_t size) {
  char *block = malloc(size);
  if (block) memset(block, 1, size);
  return block;
}
static __attribute__((noinline)) void keep_inner(int n, size_t size) {
  for (int i = 0; i < n; ++i) {
    if (!keep_one(size)) abort();
    __asm__ volatile("" ::: "memory");
  }
}
__attribute__((noinline)) void keep(int n, size_t size) {
  keep_inner(n, size);
  __asm__ volatile("" ::: "memory");
}
)";

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_NATIVE_LIBRARY_H_
