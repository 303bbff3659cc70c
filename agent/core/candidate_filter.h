// CandidateFilter decides which processes are worth asking the Inspector about,
// without trusting any name: a file from which no CPython was found in one
// process holds none in another. So a process is a candidate when it maps an
// executable file that is not known to be without one. Pure; one thread.
#ifndef PLIMSOLL_AGENT_CORE_CANDIDATE_FILTER_H_
#define PLIMSOLL_AGENT_CORE_CANDIDATE_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "agent/core/ports.h"

namespace plimsoll::core {

class CandidateFilter {
 public:
  // An interpreter in anonymous memory only would be a JIT's work, not a
  // CPython: no executable file, no candidate.
  bool MayBePython(const std::vector<Mapping>& mappings) const {
    for (const Mapping& mapping : mappings) {
      if (IsFile(mapping) && !without_python_.contains(KeyOf(mapping))) {
        return true;
      }
    }
    return false;
  }
  // The Inspector found no CPython in a process with these mappings.
  void LearnNotPython(const std::vector<Mapping>& mappings) {
    // Inodes are given again after files are deleted; forgetting all at a
    // bound also bounds how long such a mistake lasts.
    if (without_python_.size() >= kMaxFiles) without_python_.clear();
    for (const Mapping& mapping : mappings) {
      if (IsFile(mapping)) without_python_.insert(KeyOf(mapping));
    }
  }
  void Forget() { without_python_.clear(); }
  size_t size() const { return without_python_.size(); }

 private:
  static constexpr size_t kMaxFiles = 16'384;
  using Key = std::pair<uint64_t, uint64_t>;
  static Key KeyOf(const Mapping& mapping) {
    return {mapping.device, mapping.inode};
  }
  static bool IsFile(const Mapping& mapping) {
    return mapping.executable && mapping.inode != 0;
  }
  absl::flat_hash_set<Key> without_python_;
};

}  // namespace plimsoll::core

#endif  // PLIMSOLL_AGENT_CORE_CANDIDATE_FILTER_H_
