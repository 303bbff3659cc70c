// ProcessFiles: what identifying an interpreter reads of a process besides its
// memory. The product reads /proc; tests give a directory of their own, or a
// fake.
//
// Errors: kNotFound the process is gone, kPermissionDenied, kInternal other.
// Threads: const, any thread.
#ifndef PLIMSOLL_AGENT_PYTHON_PROCESS_FILES_H_
#define PLIMSOLL_AGENT_PYTHON_PROCESS_FILES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/core/ports.h"
#include "agent/python/byte_source.h"

namespace plimsoll::python {

// The text of /proc/PID/maps; lines that cannot be parsed are left out, and at
// most 65,536 mappings are kept.
std::vector<core::Mapping> ParseMaps(std::string_view text);

struct OpenedFile {
  std::shared_ptr<const ByteSource> bytes;
  std::string open_path;  // opens the same file again from here
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t mtime_ns = 0;
};

class ProcessFiles {
 public:
  virtual ~ProcessFiles() = default;
  virtual absl::StatusOr<std::vector<core::Mapping>> ReadMappings() const = 0;
  // Opens the file behind a mapping, also when its path now leads elsewhere.
  virtual absl::StatusOr<OpenedFile> OpenMapped(
      const core::Mapping& mapping) const = 0;
  // The value of one environment variable at exec; "" when unset or
  // unreadable. Callers ask by allow-list; nothing else is kept.
  virtual std::string ReadEnvironmentVariable(std::string_view name) const = 0;
  // The program's arguments; empty when unreadable.
  virtual std::vector<std::string> ReadArguments() const = 0;
};

// The files below PROC_ROOT/PID ("/proc").
class ProcProcessFiles final : public ProcessFiles {
 public:
  ProcProcessFiles(std::string_view proc_root, int32_t pid);
  absl::StatusOr<std::vector<core::Mapping>> ReadMappings() const override;
  absl::StatusOr<OpenedFile> OpenMapped(
      const core::Mapping& mapping) const override;
  std::string ReadEnvironmentVariable(std::string_view name) const override;
  std::vector<std::string> ReadArguments() const override;

 private:
  std::string directory_;
};

}  // namespace plimsoll::python

#endif  // PLIMSOLL_AGENT_PYTHON_PROCESS_FILES_H_
