// FakeProcRoot builds a /proc and a /sys/fs/cgroup in a temporary directory,
// which goes with it. Each test makes its own.
//
// Example:
//   FakeProcRoot root;
//   root.AddProcess(42).Stat(/*start_ticks=*/1234).Maps("...");
//   procfs::ProcRoot proc(root.proc());
#ifndef PLIMSOLL_TESTS_SUPPORT_FAKE_PROC_ROOT_H_
#define PLIMSOLL_TESTS_SUPPORT_FAKE_PROC_ROOT_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/temp_dir.h"

namespace plimsoll::testing {

class FakeProcess {
 public:
  FakeProcess(std::filesystem::path path, int32_t pid)
      : path_(std::move(path)), pid_(pid) {
    std::filesystem::create_directories(path_);
  }
  FakeProcess& File(std::string_view name, std::string_view text) {
    std::filesystem::path path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return *this;
  }
  FakeProcess& Stat(uint64_t start_ticks, std::string_view comm = "python3",
                    uint64_t start_stack = 700, int32_t parent = 1,
                    int32_t terminal = 0) {
    return File("stat", std::to_string(pid_) + " (" + std::string(comm) +
                            ") S " + std::to_string(parent) + " 42 42 " +
                            std::to_string(terminal) +
                            " -1 4194304 900 0 7 0 11 5 0 0 20 0 3 0 " +
                            std::to_string(start_ticks) +
                            " 13000000 2500 18446744073709551615 600 650 " +
                            std::to_string(start_stack) +
                            " 0 0 0 0 0 0 0 0 0\n");
  }
  FakeProcess& Status(int64_t anon_kb, std::string_view ns_pids = "") {
    return File("status", "Name:\tpython3\nVmSize:\t 9999 kB\nRssAnon:\t " +
                              std::to_string(anon_kb) +
                              " kB\nRssFile:\t 2048 kB\nRssShmem:\t 12 kB\n"
                              "VmSwap:\t 4 kB\nThreads:\t3\nNSpid:\t" +
                              (ns_pids.empty() ? std::to_string(pid_)
                                               : std::string(ns_pids)) +
                              "\n");
  }
  FakeProcess& Maps(std::string_view text) { return File("maps", text); }
  FakeProcess& Cgroup(std::string_view text) { return File("cgroup", text); }
  // Arguments or variables, each ended by a NUL.
  FakeProcess& List(std::string_view name,
                    std::initializer_list<std::string_view> items) {
    std::string text;
    for (std::string_view item : items) {
      text.append(item);
      text.push_back('\0');
    }
    return File(name, text);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int32_t pid_;
};

class FakeProcRoot {
 public:
  FakeProcRoot() {
    std::filesystem::create_directories(directory_.path() / "proc");
    std::filesystem::create_directories(directory_.path() / "cgroup");
  }
  std::string proc() const { return (directory_.path() / "proc").string(); }
  std::string cgroup() const { return (directory_.path() / "cgroup").string(); }

  FakeProcess AddProcess(int32_t pid) {
    return FakeProcess(directory_.path() / "proc" / std::to_string(pid), pid);
  }
  void RemoveProcess(int32_t pid) {
    std::filesystem::remove_all(directory_.path() / "proc" /
                                std::to_string(pid));
  }
  FakeProcRoot& File(std::string_view name, std::string_view text) {
    return Write(directory_.path() / "proc" / name, text);
  }
  // One file of a cgroup: CgroupFile("/a/b", "memory.max", "max\n").
  FakeProcRoot& CgroupFile(std::string_view path, std::string_view name,
                           std::string_view text) {
    return Write(cgroup() + std::string(path) + "/" + std::string(name), text);
  }

 private:
  FakeProcRoot& Write(const std::filesystem::path& path,
                      std::string_view text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return *this;
  }
  TempDir directory_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_SUPPORT_FAKE_PROC_ROOT_H_
