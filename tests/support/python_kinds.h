// What kind of build an interpreter is, as far as tests expect different things
// of them: by its path where that tells it, else by asking it.
#ifndef PLIMSOLL_TESTS_SUPPORT_PYTHON_KINDS_H_
#define PLIMSOLL_TESTS_SUPPORT_PYTHON_KINDS_H_

#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/python_target.h"

namespace plimsoll::testing {

enum class PythonKind {
  kPlain,         // every call passes the exported functions
  kInlined,       // PGO and LTO, as Debian's and the python:* images'
  kFreeThreaded,  // without a GIL: mostly refused
};

inline int MinorOf(const std::string& python) {
  if (python == kUwsgi) return 11;  // Debian 12's plugin
  int minor = -1;
  const std::string name = python.substr(python.rfind('/') + 1);
  return std::sscanf(name.c_str(), "python3.%d", &minor) == 1 ? minor : -1;
}

inline bool IsSystemPython(const std::string& python) {
  return python.rfind("/usr/bin/", 0) == 0;
}

inline PythonKind AskForKind(const std::string& python) {
  const std::string command =
      "'" + python +
      "' -c 'import sysconfig as s; "
      "print(s.get_config_var(\"Py_GIL_DISABLED\"),"
      " s.get_config_var(\"prefix\"), s.get_config_var(\"CONFIG_ARGS\"))'"
      " 2>/dev/null";
  std::string answer;
  if (FILE* pipe = ::popen(command.c_str(), "r")) {
    char bytes[4096];
    while (const size_t n = ::fread(bytes, 1, sizeof(bytes), pipe)) {
      answer.append(bytes, n);
    }
    ::pclose(pipe);
  }
  if (answer.rfind("1 ", 0) == 0) return PythonKind::kFreeThreaded;
  // Debian's rules ask for it otherwise than by configure's options.
  const bool of_debian = answer.find(" /usr ") != std::string::npos;
  return of_debian || answer.find("--with-lto") != std::string::npos
             ? PythonKind::kInlined
             : PythonKind::kPlain;
}

inline PythonKind KindOf(const std::string& python) {
  if (IsSystemPython(python)) return PythonKind::kInlined;
  if (python.find("/.pyenv/") != std::string::npos) return PythonKind::kPlain;
  // Upon Debian's shared libpython of 3.13 and later (tools/pythons). It
  // answers by the same files as the static build, which is inlined.
  if (python.find("-shared/") != std::string::npos) return PythonKind::kPlain;
  static std::map<std::string, PythonKind> known;
  const auto at = known.find(python);
  if (at != known.end()) return at->second;
  return known[python] = AskForKind(python);
}

inline std::vector<std::string> PythonsOf(PythonKind kind, int from_minor,
                                          int to_minor) {
  std::vector<std::string> found;
  for (const std::string& python : FindPythons()) {
    const int minor = MinorOf(python);
    if (minor >= from_minor && minor <= to_minor && KindOf(python) == kind) {
      found.push_back(python);
    }
  }
  return found;
}

inline std::vector<std::string> PlainPythons(int from_minor, int to_minor) {
  return PythonsOf(PythonKind::kPlain, from_minor, to_minor);
}

// With a GIL, plain or not.
inline std::vector<std::string> PythonsWithAGil(int from_minor, int to_minor) {
  std::vector<std::string> found = PlainPythons(from_minor, to_minor);
  const std::vector<std::string> inlined =
      PythonsOf(PythonKind::kInlined, from_minor, to_minor);
  found.insert(found.end(), inlined.begin(), inlined.end());
  return found;
}

// Debian's and their like; with them, where nobody says what to test, a worker
// of uWSGI, whether it is installed or not.
inline std::vector<std::string> StrippedPythons() {
  std::vector<std::string> found = PythonsOf(PythonKind::kInlined, 10, 99);
  if (::getenv("PLIMSOLL_TEST_PYTHONS") == nullptr) found.push_back(kUwsgi);
  return found;
}

// All that the product reads. Free-threaded builds are refused, which has tests
// of its own.
inline std::vector<std::string> SupportedPythons() {
  std::vector<std::string> found;
  for (const std::string& python : FindPythons()) {
    const int minor = MinorOf(python);
    if (minor >= 7 && minor <= 15 &&
        KindOf(python) != PythonKind::kFreeThreaded) {
      found.push_back(python);
    }
  }
  return found;
}

inline std::vector<std::string> SupportedPythonsAndUwsgi() {
  std::vector<std::string> found = SupportedPythons();
  if (::getenv("PLIMSOLL_TEST_PYTHONS") == nullptr) found.push_back(kUwsgi);
  return found;
}

// A path as the name of a parameterised test.
inline std::string TestNameOf(const std::string& path) {
  std::string name;
  for (const char c : path) {
    name.push_back(std::isalnum(static_cast<unsigned char>(c)) ? c : '_');
  }
  return name;
}

inline std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  return TestNameOf(info.param);
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_PYTHON_KINDS_H_
