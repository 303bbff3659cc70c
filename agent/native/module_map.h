// Which ELF files a process has mapped for execution, and where each is loaded.
// From its mappings alone. Pure; const members from any thread.
#ifndef PLIMSOLL_AGENT_NATIVE_MODULE_MAP_H_
#define PLIMSOLL_AGENT_NATIVE_MODULE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/ports.h"

namespace plimsoll::native {

struct Module {
  // Where the file's first byte is, or would be: the load address of a shared
  // object (the first mapping of the run that a loader makes).
  uint64_t base = 0;
  uint64_t text_start = 0;  // its executable mappings, from the first ...
  uint64_t text_end = 0;    // ... to the last
  std::string name;         // base name of the path, without " (deleted)"
  core::Mapping mapping;    // an executable one, to open the file by
};

class ModuleMap {
 public:
  // `mappings` by address, as /proc/PID/maps has them.
  explicit ModuleMap(const std::vector<core::Mapping>& mappings);

  // The module whose text holds `address`, as an index.
  std::optional<size_t> Find(uint64_t address) const;
  const std::vector<Module>& modules() const { return modules_; }

 private:
  std::vector<Module> modules_;  // by text_start, disjoint
};

// "libfoo.so.1" of "/usr/lib/libfoo.so.1 (deleted)".
std::string ModuleName(const std::string& path);

}  // namespace plimsoll::native

#endif  // PLIMSOLL_AGENT_NATIVE_MODULE_MAP_H_
