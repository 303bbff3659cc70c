// The real prometheus_client in a version of its own, beside Debian's.
#ifndef PLIMSOLL_TESTS_SUPPORT_PROMETHEUS_CLIENT_H_
#define PLIMSOLL_TESTS_SUPPORT_PROMETHEUS_CLIENT_H_

#include <cstdlib>
#include <filesystem>
#include <string>

namespace plimsoll::testing {

// Puts it into `directory`, for PYTHONPATH; "": Debian's, which is there or
// not. False where neither Debian nor pip has it.
inline bool InstallPrometheusClient(const std::string& version,
                                    const std::filesystem::path& directory) {
  std::string command = "/usr/bin/python3 -c 'import prometheus_client'";
  if (!version.empty()) {
    command =
        "timeout 60 /usr/bin/python3 -m pip install --quiet --no-deps "
        "--disable-pip-version-check --target " +
        directory.string() + " prometheus_client==" + version;
  }
  return std::system((command + " </dev/null >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_PROMETHEUS_CLIENT_H_
