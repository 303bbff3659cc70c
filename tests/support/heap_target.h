// A real interpreter that runs a script, tests/support/heap_truth.py unless
// told otherwise, which says what its heap holds.
#ifndef PLIMSOLL_TESTS_SUPPORT_HEAP_TARGET_H_
#define PLIMSOLL_TESTS_SUPPORT_HEAP_TARGET_H_

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"

namespace plimsoll::testing {

class HeapTarget : public PythonTarget {
 public:
  HeapTarget(const std::string& python, std::vector<std::string> arguments,
             const std::string& script = "tests/support/heap_truth.py")
      : PythonTarget(python, TextOf(script), {{"PYTHONUTF8", "1"}},
                     std::move(arguments)) {}

  // Reads "key value" lines up to a line that says "ready". False when the
  // target ended or said nothing in time.
  bool Next() {
    facts_.clear();
    while (true) {
      const std::string line = ReadLine();
      if (line.empty()) return false;
      if (line == "ready") return WaitUntilItReads();
      const size_t blank = line.find(' ');
      if (blank == std::string::npos) return false;
      facts_[line.substr(0, blank)] = line.substr(blank + 1);
    }
  }
  const std::map<std::string, std::string>& facts() const { return facts_; }
  int64_t Number(const std::string& key) const {
    const auto it = facts_.find(key);
    return it == facts_.end() ? -1 : std::stoll(it->second);
  }

 private:
  // Having said "ready" the script still allocates on its way into read(2).
  bool WaitUntilItReads() const {
    const std::string path = "/proc/" + std::to_string(pid()) + "/syscall";
    for (int i = 0; i < 5000; ++i) {
      std::ifstream file(path);
      std::string number, descriptor;
      file >> number >> descriptor;
      if (number == "0" && descriptor == "0x0") return true;
      ::usleep(1000);
    }
    return false;
  }
  // The text and not the path, which may lead nowhere where the target runs.
  static std::string TextOf(const std::string& script) {
    const char* source = std::getenv("PLIMSOLL_SOURCE_DIR");
    std::ifstream file(std::string(source ? source : ".") + "/" + script);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::map<std::string, std::string> facts_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_HEAP_TARGET_H_
