// A Python under test and what we know of it, for BPF tests.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_BPF_TARGET_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_BPF_TARGET_H_

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/python_layout.h"
#include "agent/python/identify_process.h"
#include "tests/support/python_kinds.h"
#include "tests/support/python_target.h"

namespace plimsoll::testing {

// Runs a script that answers commands on stdin, one line each, by lines
// "name value" and at last "done". It says "name value" lines and "done" first.
class BpfTarget {
 public:
  using Facts = std::map<std::string, std::string>;

  BpfTarget(const std::string& python, const std::string& script,
            std::vector<std::string> arguments = {},
            const PythonTarget::Environment& environment = {})
      : target_(python, script, environment, std::move(arguments)) {
    facts_ = ReadFacts();
    absl::StatusOr<core::PythonProcess> process = python::IdentifyProcess(
        target_.pid(), "/proc", LiveMemory(target_.pid()), cache_);
    if (process.ok()) {
      process_ = *std::move(process);
    } else {
      ADD_FAILURE() << process.status();
    }
  }

  PythonTarget& target() { return target_; }
  int32_t pid() const { return target_.pid(); }
  const core::PythonProcess& process() const { return process_; }
  core::PythonProcess& process() { return process_; }
  const Facts& facts() const { return facts_; }
  uint64_t Number(const std::string& name) const {
    const auto it = facts_.find(name);
    return it == facts_.end() ? 0 : std::stoull(it->second);
  }

  // Runs one command to its end, and until the target waits for the next.
  Facts Command(const std::string& line) {
    target_.WriteLine(line);
    Facts answer = ReadFacts();
    WaitIdle();
    return answer;
  }

  // Until the target is in read(0, ...), so that it does nothing.
  void WaitIdle() const {
    const std::string path = "/proc/" + std::to_string(pid()) + "/syscall";
    for (int i = 0; i < 2000; ++i) {
      std::string line;
      std::getline(std::ifstream(path), line);
      if (line.rfind("0 0x0 ", 0) == 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ADD_FAILURE() << "pid " << pid() << " did not come to rest";
  }

 private:
  Facts ReadFacts() {
    Facts facts;
    while (true) {
      const std::string line = target_.ReadLine();
      if (line == "done") return facts;
      if (line.empty()) {
        ADD_FAILURE() << "the target ended, or said nothing for 20 s";
        return facts;
      }
      const size_t space = std::min(line.find(' '), line.size() - 1);
      facts[line.substr(0, space)] = line.substr(space + 1);
    }
  }

  PythonTarget target_;
  python::BuildCache cache_;
  core::PythonProcess process_;
  Facts facts_;
};

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_BPF_TARGET_H_
