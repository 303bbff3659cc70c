// What a probe leaves behind, or must not: breakpoints in the target's code,
// descriptors in ours.
#ifndef PLIMSOLL_TESTS_BPF_AGENT_BPF_PROBED_CODE_H_
#define PLIMSOLL_TESTS_BPF_AGENT_BPF_PROBED_CODE_H_

#include <dirent.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "tests/bpf/agent/bpf/bpf_target.h"

namespace plimsoll::testing {

inline size_t OpenDescriptors() {
  size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

// The first bytes of each probed place, as the target executes them.
inline std::vector<uint64_t> ProbedCode(const BpfTarget& target) {
  std::vector<uint64_t> words;
  // Static, not position-independent or not: the mapping says where.
  std::ifstream maps("/proc/" + std::to_string(target.pid()) + "/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin = 0, end = 0, offset = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx", &begin, &end, mode,
                    &offset) != 4 ||
        mode[2] != 'x' ||
        line.find(target.process().build.object_path) == std::string::npos) {
      continue;
    }
    for (const core::ProbePoint& probe : target.process().build.probes) {
      if (probe.file_offset < offset ||
          probe.file_offset - offset >= end - begin) {
        continue;
      }
      uint64_t word = 0;
      LiveMemory(target.pid())
          .Read(begin + probe.file_offset - offset,
                std::as_writable_bytes(std::span(&word, 1)));
      words.push_back(word);
    }
  }
  return words;
}

}  // namespace plimsoll::testing

#endif  // PLIMSOLL_TESTS_BPF_AGENT_BPF_PROBED_CODE_H_
