// The interpreters of this machine that the product reads, and test names made
// of their paths.
#ifndef PLIMSOLL_TESTS_PROCFS_AGENT_PYTHON_SUPPORTED_PYTHONS_H_
#define PLIMSOLL_TESTS_PROCFS_AGENT_PYTHON_SUPPORTED_PYTHONS_H_

#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/python_target.h"

namespace plimsoll::python {

inline std::vector<std::string> SupportedPythons() {
  std::vector<std::string> supported;
  for (const std::string& path : plimsoll::testing::FindPythons()) {
    int minor = 0;
    const std::string name = path.substr(path.rfind('/') + 1);
    if (std::sscanf(name.c_str(), "python3.%d", &minor) == 1 && minor >= 7 &&
        minor <= 15) {
      supported.push_back(path);
    }
  }
  return supported;
}

inline std::string TestNameOfPython(
    const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

}  // namespace plimsoll::python

#endif  // PLIMSOLL_TESTS_PROCFS_AGENT_PYTHON_SUPPORTED_PYTHONS_H_
